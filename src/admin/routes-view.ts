import type { RouteMatch } from '../dataplane/router/route-match.ts'
import type { Snapshot } from '../dataplane/snapshot.ts'
import type { AttemptPolicy } from '../dataplane/upstream/policy.ts'
import type { Where } from '../dataplane/upstream/where.ts'

/** What `GET /routes` tells. */
export interface RoutesView {
  readonly generation: number
  readonly routes: readonly {
    readonly name: string
    readonly match: RouteMatch
    /** How many. */
    readonly filters: number
    readonly to: readonly ({
      /** What a split calls it. */
      readonly name: string
      readonly upstream: string
      /** Tags or meta of the instances; null: all of them. */
      readonly where: Where | null
      readonly weight: number
    } & AttemptPolicy)[]
    /** The upstream that gets copies; null: none does. */
    readonly mirror: string | null
    /** Whether clients stay with their instance. */
    readonly sticky: boolean
  }[]
}

/** The routes that serve. */
export function routesView(snapshot: Snapshot): RoutesView {
  const routes = snapshot.routes.map(({ name, match, filters, to, mirror, sticky }) => ({
    name,
    match,
    filters: filters.all.length,
    to: to.map(({ name: destination, upstream, where = null, weight, policy: { timeouts, retry, deadline, hedge } }) => ({
      name: destination,
      upstream: upstream.name,
      where,
      weight,
      timeouts,
      retry,
      deadline,
      hedge,
    })),
    mirror: mirror?.target.upstream.name ?? null,
    sticky: sticky !== undefined,
  }))
  return { generation: snapshot.generation, routes }
}
