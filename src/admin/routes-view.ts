import type { Snapshot } from '../dataplane/snapshot.ts'

/** The routes that serve, as `GET /routes` tells them. */
export function routesView(snapshot: Snapshot): unknown {
  const routes = snapshot.routes.map(({ name, match, filters, to }) => ({
    name,
    match,
    filters: filters.length,
    to: to.map(({ upstream, weight, policy }) => ({ upstream: upstream.name, weight, ...policy })),
  }))
  return { generation: snapshot.generation, routes }
}
