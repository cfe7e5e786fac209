import { builtIn } from '../config/built-in.ts'
import type { HotConfig, RouteConfig, RouteMirror } from '../config/config.ts'
import { overlay, overlayOrOff } from '../config/overlay.ts'
import { shareName } from '../config/share-name.ts'
import type { Filter } from '../dataplane/filters/filter.ts'
import { compileRouter } from '../dataplane/router/router.ts'
import type { Destination, Route, Snapshot } from '../dataplane/snapshot.ts'
import { Split } from '../dataplane/split.ts'
import { Mirror } from '../dataplane/upstream/mirror.ts'
import type { Picker } from '../dataplane/upstream/picker.ts'
import type { AttemptPolicy } from '../dataplane/upstream/policy.ts'
import { Sticky } from '../dataplane/upstream/sticky.ts'
import { Subset } from '../dataplane/upstream/subset.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'
import type { Where } from '../dataplane/upstream/where.ts'

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
  const to = route.to.map((share): Destination => {
    const { weight, where } = share
    const upstream = upstreamOf(share.upstream)
    return {
      name: shareName(share),
      upstream,
      picker: pickerOf(upstream, where),
      where,
      weight,
      policy: effectivePolicy(route, upstream.policy),
    }
  })
  return {
    name: route.name,
    match: route.match,
    filters: filtersOf(route.name),
    to,
    split: new Split(to, route.split),
    mirror: route.mirror && compileMirror(route.mirror, upstreamOf),
    sticky: route.sticky && new Sticky(route.sticky),
  }
}

function compileMirror({ upstream: name, where, policy }: RouteMirror, upstreamOf: RunningParts['upstreamOf']): Mirror {
  const upstream = upstreamOf(name)
  return new Mirror({ upstream, picker: pickerOf(upstream, where) }, policy)
}

function pickerOf(upstream: Upstream, where: Where | undefined): Picker {
  return where ? new Subset(upstream, where) : upstream
}

function effectivePolicy({ timeouts, retry, deadline }: RouteConfig, base: AttemptPolicy): AttemptPolicy {
  return {
    timeouts: overlay(base.timeouts, timeouts),
    retry: overlay(base.retry, retry),
    deadline: overlayOrOff(builtIn.deadline, base.deadline ?? undefined, deadline),
  }
}
