import { isDeepStrictEqual } from 'node:util'
import type { HotConfig, RouteConfig } from '../config/config.ts'
import type { Filter, FilterDeps, FilterSpec } from '../dataplane/filters/filter.ts'
import { createFilter } from '../dataplane/filters/table.ts'

interface Running {
  readonly spec: FilterSpec
  readonly filter: Filter
}

/**
 * The running filters by route. What a filter has counted, cached and opened survives every reload that keeps the name of its route and its
 * own settings.
 */
export class RunningFilters {
  readonly #deps: FilterDeps
  #byRoute: ReadonlyMap<string, readonly Running[]> = new Map()

  constructor(deps: FilterDeps) {
    this.#deps = deps
  }

  /** Makes the running filters those of a config; those that are gone serve on until `retire` is called, after the new snapshot serves. */
  reconcile(hot: Pick<HotConfig, 'routes'>): {
    readonly find: (route: string) => readonly Filter[]
    readonly retire: () => void
  } {
    const before = this.#byRoute
    const filtered = hot.routes.filter(({ filters }) => filters.length > 0)
    const next = new Map(filtered.map((route) => [route.name, this.#filtersFor(route)]))
    this.#byRoute = next
    const kept = new Set(filtersOf(next))
    const retire = (): void => {
      for (const filter of filtersOf(before)) if (!kept.has(filter)) filter.close?.()
    }
    return { find: (route) => (next.get(route) ?? []).map(({ filter }) => filter), retire }
  }

  close(): void {
    for (const filter of filtersOf(this.#byRoute)) filter.close?.()
    this.#byRoute = new Map()
  }

  #filtersFor({ name, filters }: Pick<RouteConfig, 'name' | 'filters'>): readonly Running[] {
    const free = [...(this.#byRoute.get(name) ?? [])]
    return filters.map((spec) => {
      const at = free.findIndex((running) => isDeepStrictEqual(running.spec, spec))
      const [running] = at < 0 ? [] : free.splice(at, 1)
      return running ?? { spec, filter: createFilter(spec, this.#deps) }
    })
  }
}

function filtersOf(byRoute: ReadonlyMap<string, readonly Running[]>): readonly Filter[] {
  return [...byRoute.values()].flat().map(({ filter }) => filter)
}
