import { z } from 'zod'
import { exportOf, userModuleOf } from '../../user-modules.ts'
import type { FilterKind, FilterSpec } from './filter.ts'
import { guarded } from './guarded-filter.ts'
import { durationMsOf, durationText } from './scalar-options.ts'
import type { UserFilterKind } from './user-filter.ts'
import { checkModule, moduleFile, ownOptions } from './module-options.ts'

const wanted = { name: 'filter', method: 'create', example: 'export const filter = defineFilter({ create: … })' }

const options = z
  .strictObject({
    file: moduleFile('filter', './filters/tenant.ts'),
    options: ownOptions({ header: 'x-tenant' }),
    timeout: durationText({ maxMs: 60_000 })
      .default('1s')
      .describe('For one request; then the answer is 504 filter_timeout. Default: 1s.'),
  })
  .superRefine(({ file, options: own }, context) => checkModule(kindIn(file), { file, own }, context))
  .describe('Runs a filter of your own, with the same interface as those here (docs/filters.md).')

/** `module: { file: ./filters/tenant.ts, options: { header: x-tenant } }` */
export const userModule: FilterKind<z.infer<typeof options>> = {
  options,
  versionOf: (written) => {
    const { file } = (written ?? {}) as { readonly file?: unknown }
    return typeof file === 'string' ? (userModuleOf(file)?.version ?? null) : null
  },
  create: ({ file, options: own, timeout }, deps) => {
    const kind = kindIn(file)
    // The schema has looked at it before.
    if (typeof kind === 'string') throw new Error(kind)
    const filter = kind.create(kind.options ? kind.options.parse(own) : own, deps)
    return guarded(filter, { name: file, timeoutMs: durationMsOf(timeout), clock: deps.clock })
  },
}

function kindIn(file: string): UserFilterKind | string {
  return exportOf(file, wanted) as UserFilterKind | string
}

/** The file that a filter of a config names; empty: it names none. */
export function moduleFileOf({ kind, options: written }: FilterSpec): readonly string[] {
  const { file } = (written ?? {}) as { readonly file?: unknown }
  return kind === 'module' && typeof file === 'string' ? [file] : []
}
