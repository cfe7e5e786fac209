import type { RouteMatch } from '../dataplane/router/route-match.ts'
import type { Snapshot } from '../dataplane/snapshot.ts'
import type { AttemptPolicy } from '../dataplane/upstream/policy.ts'

/** What `GET /routes` tells. */
export interface RoutesView {
  readonly generation: number
  readonly routes: readonly {
    readonly name: string
    readonly match: RouteMatch
    /** How many. */
    readonly filters: number
    readonly to: readonly ({ readonly upstream: string; readonly weight: number } & AttemptPolicy)[]
  }[]
}

/** The routes that serve. */
export function routesView(snapshot: Snapshot): RoutesView {
  const routes = snapshot.routes.map(({ name, match, filters, to }) => ({
    name,
    match,
    filters: filters.length,
    to: to.map(({ upstream, weight, policy: { timeouts, retry } }) => ({ upstream: upstream.name, weight, timeouts, retry })),
  }))
  return { generation: snapshot.generation, routes }
}
