import type { Snapshot } from '../snapshot.ts'
import type { Filter } from './filter.ts'

/** Which filter of which route: the same in all processes that serve by the same config. */
export interface Place {
  readonly route: string
  /** Among the route's filters, from 0. */
  readonly at: number
}

/** Something that filters of a snapshot have, each with its place. */
export function placesOf<T>(
  { routes }: Snapshot,
  partOf: (filter: Filter) => T | undefined,
): readonly (Place & { readonly part: T })[] {
  return routes.flatMap(({ name: route, filters }) =>
    filters.all.flatMap((filter, at) => {
      const part = partOf(filter)
      return part === undefined ? [] : [{ route, at, part }]
    }),
  )
}
