import type { RequestHead } from '../../dataplane/exchange.ts'
import { compileRouter, type Router } from '../../dataplane/router/router.ts'
import { compareSpecificity, parseCandidate, type Candidate } from '../../dataplane/router/specificity.ts'
import type { Route, Snapshot } from '../../dataplane/snapshot.ts'

/** A route that may have a request, if what is not known of it is as the route wants it. */
export interface Possible {
  /** Null: none takes it. */
  readonly route: Route | null
  /** `headers.x-tenant: acme`, `query.v: 2`; empty: it takes the request in any case. */
  readonly conditions: readonly string[]
}

interface Conditional {
  readonly route: Route
  readonly rank: number
  readonly conditions: readonly string[]
  /** By the route without its conditions. */
  readonly router: Router<object>
}

/** Finds which routes may have a request of which neither query nor header fields are known. It is the router that says who takes what. */
export class PossibleRoutes {
  readonly #router: Router<Route>
  readonly #ranks: ReadonlyMap<Route, number>
  /** In the order in which they win. */
  readonly #conditional: readonly Conditional[]
  /** Takes what any of them may take: of most requests it says at once that there is none. */
  readonly #anyConditional: Router<object>

  constructor({ router, routes }: Pick<Snapshot, 'router' | 'routes'>) {
    const inOrder = routes.map(parseCandidate).toSorted(compareSpecificity)
    this.#router = router
    this.#ranks = new Map(inOrder.map(({ route }, rank) => [route, rank]))
    this.#conditional = inOrder.flatMap((candidate, rank) => conditionalOf(candidate, rank))
    this.#anyConditional = compileRouter(this.#conditional.map(({ route }) => withoutConditions(route)))
  }

  /** In the order in which they win; the last one takes the request in any case. */
  of(request: RequestHead): readonly Possible[] {
    const route = this.#router.find(request)
    const last: Possible = { route, conditions: [] }
    if (this.#anyConditional.find(request) === null) return [last]
    const rank = (route && this.#ranks.get(route)) ?? Number.POSITIVE_INFINITY
    const before = this.#conditional.filter((one) => one.rank < rank && one.router.find(request) !== null)
    return [...before, last]
  }
}

function conditionalOf({ route, predicates }: Candidate<Route>, rank: number): readonly Conditional[] {
  const { headers, query } = predicates
  const conditions = [
    ...headers.map(([name, value]) => `headers.${name}: ${value}`),
    ...query.map(([name, value]) => `query.${name}: ${value}`),
  ]
  return conditions.length === 0 ? [] : [{ route, rank, conditions, router: compileRouter([withoutConditions(route)]) }]
}

function withoutConditions({ name, match }: Route): Pick<Route, 'name' | 'match'> {
  return { name, match: { ...match, headers: undefined, query: undefined } }
}
