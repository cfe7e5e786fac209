import type { HotConfig, RouteConfig } from '../config/config.ts'
import type { Filter, FilterSpec } from '../dataplane/filters/filter.ts'
import { createFilter } from '../dataplane/filters/table.ts'
import { compileRouter } from '../dataplane/router/router.ts'
import type { Destination, Route, Snapshot } from '../dataplane/snapshot.ts'
import type { AttemptPolicy } from '../dataplane/upstream/policy.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'

/** Compiles a validated config into what requests read. Pure: it touches nothing that runs. */
export function compileSnapshot(hot: HotConfig, generation: number, upstreamOf: (name: string) => Upstream): Snapshot {
  const routes = hot.routes.map((route) => compileRoute(route, upstreamOf))
  return { generation, routes, router: compileRouter(routes) }
}

function compileRoute(route: RouteConfig, upstreamOf: (name: string) => Upstream): Route {
  const to = route.to.map(({ upstream: name, weight }): Destination => {
    const upstream = upstreamOf(name)
    return { upstream, weight, policy: effectivePolicy(route, upstream.policy) }
  })
  return { name: route.name, match: route.match, filters: route.filters.map(compileFilter), to }
}

function compileFilter(spec: FilterSpec): Filter {
  return createFilter(spec)
}

function effectivePolicy(route: RouteConfig, base: AttemptPolicy): AttemptPolicy {
  const { timeouts, retry } = route
  return {
    timeouts: {
      connectMs: timeouts?.connectMs ?? base.timeouts.connectMs,
      responseMs: timeouts?.responseMs ?? base.timeouts.responseMs,
      idleMs: timeouts?.idleMs ?? base.timeouts.idleMs,
    },
    retry: { attempts: retry?.attempts ?? base.retry.attempts },
  }
}
