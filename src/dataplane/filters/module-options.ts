import { z } from 'zod'
import { messageOf } from '../../errors.ts'

/** The setting that names a module of the user's own, which exports what is `wanted`. */
export function moduleFile(wanted: string, example: string) {
  return z
    .string()
    .regex(/\.[cm]?[jt]s$/, 'is no module: write a file that ends with .ts, .js, .mts or .mjs')
    .meta({
      description: `The module: a .ts or .js file that exports \`${wanted}\`. A relative path is taken from the working directory.`,
      examples: [example],
    })
}

/** The settings of the module itself. */
export function ownOptions(example: unknown) {
  return z
    .unknown()
    .optional()
    .meta({ description: 'What the module itself takes and checks. Default: nothing.', examples: [example] })
}

/** Tells what is wrong with a module, or with the options that it is given. `found` is what it exports, or why that is nothing. */
export function checkModule(
  found: { readonly options?: { parse(value: unknown): unknown } } | string,
  { file, own }: { readonly file: string; readonly own: unknown },
  context: z.RefinementCtx,
): void {
  if (typeof found === 'string') return context.addIssue({ code: 'custom', path: ['file'], message: found })
  try {
    found.options?.parse(own)
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error)
    context.addIssue({ code: 'custom', path: ['options'], message: `${file} refuses them: ${why}` })
  }
}
