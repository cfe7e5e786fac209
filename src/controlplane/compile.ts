import type { HotConfig, RouteConfig } from '../config/config.ts'
import type { Filter } from '../dataplane/filters/filter.ts'
import { compileRouter } from '../dataplane/router/router.ts'
import type { Destination, Route, Snapshot } from '../dataplane/snapshot.ts'
import type { AttemptPolicy } from '../dataplane/upstream/policy.ts'
import { Sticky } from '../dataplane/upstream/sticky.ts'
import { Subset } from '../dataplane/upstream/subset.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'

/** What runs, by the names that config has for it. */
export interface RunningParts {
  readonly upstreamOf: (name: string) => Upstream
  readonly filtersOf: (route: string) => readonly Filter[]
}

/** Compiles a validated config into what requests read. Pure: it touches nothing that runs. */
export function compileSnapshot(hot: HotConfig, generation: number, running: RunningParts): Snapshot {
  const routes = hot.routes.map((route) => compileRoute(route, running))
  return { generation, routes, router: compileRouter(routes) }
}

function compileRoute(route: RouteConfig, { upstreamOf, filtersOf }: RunningParts): Route {
  const to = route.to.map(({ upstream: name, weight, where }): Destination => {
    const upstream = upstreamOf(name)
    const picker = where ? new Subset(upstream, where) : upstream
    return { upstream, picker, where, weight, policy: effectivePolicy(route, upstream.policy) }
  })
  return {
    name: route.name,
    match: route.match,
    filters: filtersOf(route.name),
    to,
    sticky: route.sticky && new Sticky(route.sticky),
  }
}

function effectivePolicy(route: RouteConfig, base: AttemptPolicy): AttemptPolicy {
  const { timeouts, retry } = route
  return {
    timeouts: {
      connectMs: timeouts?.connectMs ?? base.timeouts.connectMs,
      responseMs: timeouts?.responseMs ?? base.timeouts.responseMs,
      idleMs: timeouts?.idleMs ?? base.timeouts.idleMs,
      tryMs: timeouts?.tryMs ?? base.timeouts.tryMs,
    },
    retry: {
      attempts: retry?.attempts ?? base.retry.attempts,
      on: retry?.on ?? base.retry.on,
      budgetRatio: retry?.budgetRatio ?? base.retry.budgetRatio,
    },
  }
}
