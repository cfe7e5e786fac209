import type { RouteConfig } from '../../config/config.ts'
import type { Explained } from '../explain/explain.ts'
import type { FilterView } from '../explain/explanation.ts'
import { tryFilters } from '../explain/filter-trial.ts'
import { headOf, type LoggedRequest } from './logged-request.ts'
import { PossibleRoutes, type Possible } from './possible-routes.ts'

/** What becomes of a logged request, if the conditions hold. */
export interface Verdict {
  /** Null: no route takes it. */
  readonly route: string | null
  readonly conditions: readonly string[]
  readonly filters: readonly FilterView[]
  /** Behind the filters that were run. */
  readonly path: string
}

/** Says what one config would do with logged requests; nothing is sent, and no turn is taken. */
export class Judge {
  readonly #possible: PossibleRoutes
  readonly #configs: ReadonlyMap<string, RouteConfig>

  constructor({ snapshot, hot }: Pick<Explained, 'snapshot' | 'hot'>) {
    this.#possible = new PossibleRoutes(snapshot)
    this.#configs = new Map(hot.routes.map((route) => [route.name, route]))
  }

  /** In the order in which they win; the last one has no conditions. */
  verdictsOn(request: LoggedRequest): readonly Verdict[] {
    return this.#possible.of(headOf(request)).map((possible) => this.#verdict(request, possible))
  }

  #verdict(request: LoggedRequest, { route, conditions }: Possible): Verdict {
    const specs = (route && this.#configs.get(route.name)?.filters) ?? []
    if (!route || specs.length === 0) return { route: route?.name ?? null, conditions, filters: [], path: request.path }
    const asker = { request: headOf(request), trusted: false, isTrusted: () => false }
    const { filters, asker: after } = tryFilters(specs, route.filters.all, asker)
    return { route: route.name, conditions, filters, path: after.request.path }
  }
}
