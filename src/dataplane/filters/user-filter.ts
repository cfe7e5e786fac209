import type { Filter, FilterDeps } from './filter.ts'

/** What a filter of a user's own can do: what ours can (`Filter`). It holds no state of a single exchange: one instance serves all. */
export type UserFilter = Filter

/** What the filter is given when it is made: the clock, random numbers and the log of the gateway. */
export type UserFilterDeps = FilterDeps

/** What a module of a user's own exports as `filter`. */
export interface UserFilterKind<Options = unknown> {
  /** Checks the `options` of the config: a zod schema, or anything else with such a `parse`, which throws to refuse them. Absent: all are taken. */
  readonly options?: { parse(value: unknown): Options }
  /** Makes a filter; called for each place in the config, and again after its options or the module have changed. */
  create(options: Options, deps: UserFilterDeps): UserFilter
}

/** Gives a kind of filter its types: `export const filter = defineFilter({ create: () => ({ onRequest: … }) })`. */
export function defineFilter<Options = unknown>(kind: UserFilterKind<Options>): UserFilterKind<Options> {
  return kind
}
