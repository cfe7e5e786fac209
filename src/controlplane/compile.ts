import { isDeepStrictEqual } from 'node:util'
import { builtIn } from '../config/built-in.ts'
import type { HotConfig, MeshConfig, RouteConfig, RouteMirror } from '../config/config.ts'
import { overlay, overlayOrOff } from '../config/overlay.ts'
import { shareName } from '../config/share-name.ts'
import { FilterChain, noFilters } from '../dataplane/filters/filter-chain.ts'
import type { Filter } from '../dataplane/filters/filter.ts'
import { compileMesh, type MeshPolicy } from '../dataplane/mesh/mesh-policy.ts'
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

/** A compiled route with what it was made of. */
interface CompiledRoute {
  readonly config: RouteConfig
  readonly policies: readonly AttemptPolicy[]
  readonly route: Route
}

/**
 * Compiles validated configs into what requests read, one after the other. A route that says the same, of upstreams and filters that are the
 * same, is the very one of before: the turns of its subsets and what its stickiness knows go on, and a reload costs what has changed.
 */
export class SnapshotCompiler {
  #compiled: ReadonlyMap<string, CompiledRoute> = new Map()
  #mesh: { readonly config: MeshConfig; readonly policy: MeshPolicy } | null = null

  /** Touches nothing that runs. */
  compile(hot: HotConfig, generation: number, running: RunningParts): Snapshot {
    const compiled = hot.routes.map((config) => this.#compile(config, running))
    this.#compiled = new Map(compiled.map((route) => [route.config.name, route]))
    const routes = compiled.map(({ route }) => route)
    return { generation, routes, router: compileRouter(routes), mesh: this.#compileMesh(hot.mesh) }
  }

  #compileMesh(config: MeshConfig): MeshPolicy {
    if (!this.#mesh || !isDeepStrictEqual(this.#mesh.config, config)) this.#mesh = { config, policy: compileMesh(config) }
    return this.#mesh.policy
  }

  #compile(config: RouteConfig, running: RunningParts): CompiledRoute {
    const policies = config.to.map(({ upstream }) => running.upstreamOf(upstream).policy)
    const before = this.#compiled.get(config.name)
    if (before && isSame(before, config, policies, running)) return before
    return { config, policies, route: compileRoute(config, running) }
  }
}

/** Policies and filters are replaced whole when they change, so their identity tells. */
function isSame(before: CompiledRoute, config: RouteConfig, policies: readonly AttemptPolicy[], running: RunningParts): boolean {
  const { route } = before
  const filters = running.filtersOf(config.name)
  return (
    isDeepStrictEqual(before.config, config) &&
    route.to.every(({ upstream }, at) => upstream === running.upstreamOf(config.to[at]?.upstream ?? '')) &&
    route.mirror?.target.upstream === (config.mirror && running.upstreamOf(config.mirror.upstream)) &&
    before.policies.every((policy, at) => policy === policies[at]) &&
    route.filters.all.length === filters.length &&
    route.filters.all.every((filter, at) => filter === filters[at])
  )
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
  const filters = filtersOf(route.name)
  return {
    name: route.name,
    match: route.match,
    filters: filters.length === 0 ? noFilters : new FilterChain(filters),
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

/** Upstreams' policies as routes have them that say nothing else: one for thousands of routes stays in the cache, as requests need it. */
const plainPolicies = new WeakMap<AttemptPolicy, AttemptPolicy>()

/** Route over upstream. */
export function effectivePolicy(route: RouteConfig, base: AttemptPolicy): AttemptPolicy {
  if (route.timeouts || route.retry || route.deadline || route.hedge) return overlaid(route, base)
  const known = plainPolicies.get(base)
  if (known) return known
  const plain = overlaid(route, base)
  plainPolicies.set(base, plain)
  return plain
}

function overlaid({ timeouts, retry, deadline, hedge }: RouteConfig, base: AttemptPolicy): AttemptPolicy {
  return {
    timeouts: overlay(base.timeouts, timeouts),
    retry: overlay(base.retry, retry),
    deadline: overlayOrOff(builtIn.deadline, base.deadline ?? undefined, deadline),
    hedge: overlayOrOff(builtIn.hedge, base.hedge ?? undefined, hedge),
  }
}
