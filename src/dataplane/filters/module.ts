import { z } from 'zod'
import { messageOf } from '../../errors.ts'
import type { FilterKind, FilterSpec } from './filter.ts'
import { guarded } from './guarded-filter.ts'
import { durationMsOf, durationText } from './scalar-options.ts'
import type { UserFilterKind } from './user-filter.ts'
import { userModuleOf } from './user-modules.ts'

const options = z
  .strictObject({
    file: z
      .string()
      .regex(/\.[cm]?[jt]s$/, 'is no module: write a file that ends with .ts, .js, .mts or .mjs')
      .meta({
        description: 'The module: a .ts or .js file that exports `filter`. A relative path is taken from the working directory.',
        examples: ['./filters/tenant.ts'],
      }),
    options: z
      .unknown()
      .optional()
      .meta({ description: 'What the module itself takes and checks. Default: nothing.', examples: [{ header: 'x-tenant' }] }),
    timeout: durationText({ maxMs: 60_000 })
      .default('1s')
      .describe('For one request; then the answer is 504 filter_timeout. Default: 1s.'),
  })
  .superRefine(({ file, options: own }, context) => {
    const found = userModuleOf(file)
    if (!found)
      return context.addIssue({
        code: 'custom',
        path: ['file'],
        message: `${file} has not been loaded: modules are named in the config file only`,
      })
    if (!found.ok) return context.addIssue({ code: 'custom', path: ['file'], message: `${file} ${found.why}` })
    const problem = problemOf(found.kind, own)
    if (problem !== null) context.addIssue({ code: 'custom', path: ['options'], message: `${file} refuses them: ${problem}` })
  })
  .describe('Runs a filter of your own, with the same interface as those here (docs/filters.md).')

/** `module: { file: ./filters/tenant.ts, options: { header: x-tenant } }` */
export const userModule: FilterKind<z.infer<typeof options>> = {
  options,
  versionOf: (written) => {
    const { file } = (written ?? {}) as { readonly file?: unknown }
    return typeof file === 'string' ? (userModuleOf(file)?.version ?? null) : null
  },
  create: ({ file, options: own, timeout }, deps) => {
    const found = userModuleOf(file)
    // The schema has looked at it before.
    if (!found?.ok) throw new Error(`${file} is not loaded`)
    const { kind } = found
    const filter = kind.create(kind.options ? kind.options.parse(own) : own, deps)
    return guarded(filter, { name: file, timeoutMs: durationMsOf(timeout), clock: deps.clock })
  },
}

/** The file that a filter of a config names; empty: it names none. */
export function moduleFileOf({ kind, options: written }: FilterSpec): readonly string[] {
  const { file } = (written ?? {}) as { readonly file?: unknown }
  return kind === 'module' && typeof file === 'string' ? [file] : []
}

function problemOf({ options: schema }: UserFilterKind, own: unknown): string | null {
  try {
    schema?.parse(own)
    return null
  } catch (error) {
    return error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error)
  }
}
