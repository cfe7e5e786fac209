import type { Address } from './address.ts'
import type { Clock, Random } from './clock.ts'
import type { ColdConfig } from './config/config.ts'
import { leavingLoads, mergedLoads, type LeavingLoads } from './controlplane/draining/load.ts'
import type { MeshDirectory } from './discovery/mesh/mesh-directory.ts'
import type { Reconciler } from './controlplane/reconciler.ts'
import type { UpstreamTable } from './discovery/upstream-table.ts'
import { reservedRouteNames, type Gateway } from './dataplane/gateway.ts'
import { startListener, type Listener } from './dataplane/listener/listener.ts'
import type { Mesh } from './dataplane/mesh/mesh.ts'
import type { Exchange } from './dataplane/exchange.ts'
import { TUNNELS_METRIC, upstreamMetricSources } from './dataplane/upstream/upstream-metrics.ts'
import { Upstream } from './dataplane/upstream/upstream.ts'
import { trafficIn, type Traffic } from './controlplane/trials/traffic.ts'
import type { Logger } from './logging.ts'
import type { Found, ServiceQuestion } from './workers/messages.ts'
import { planeState, upstreamState } from './workers/plane-state.ts'
import type { Workers } from './workers/workers.ts'

/** What serves the listeners: this process, or workers. */
export interface Serving {
  /** Where the listeners listen, by name. */
  readonly addresses: ReadonlyMap<string, Address>
  /** From now on each answer ends its connection. */
  startDraining(): void
  /** Stops accepting, gives what is under way `drainMs`, then cuts it. */
  close(drainMs: number): Promise<void>
}

export interface ServingDeps {
  readonly cold: ColdConfig
  /** Ends what was started, should something that starts later fail. */
  readonly parts: AsyncDisposableStack
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** The parts of the control plane that workers depend on. */
export interface ControlParts {
  readonly reconciler: Reconciler
  readonly upstreams: UpstreamTable
}

/** Serves in this process. Throws what listening throws. */
export async function serveHere(deps: ServingDeps, gateway: Gateway, mesh: Mesh): Promise<Serving> {
  const { cold, parts, clock, random, logger } = deps
  const listeners = new Map<string, Listener>()
  const close = async (drainMs: number): Promise<void> => {
    await Promise.all([...listeners.values()].map((listener) => listener.close(drainMs)))
    listeners.clear()
  }
  parts.defer(() => close(0))
  for (const { name, mode, bind, limits, trust, proxyStatus, debug } of cold.listeners) {
    const isProxy = mode === 'mesh'
    const port = (): number => listeners.get(name)?.address.port ?? bind.port
    const serve = isProxy ? (exchange: Exchange) => mesh.serve(exchange, port()) : gateway.serve
    const options = { name: `listeners.${name}`, bind, limits, trust, proxyStatus, debug, isProxy, clock, random, logger, serve }
    listeners.set(name, await startListener(options))
  }
  return {
    addresses: new Map([...listeners].map(([name, { address }]) => [name, address])),
    startDraining: () => {
      for (const listener of listeners.values()) listener.startDraining()
    },
    close,
  }
}

/** Has workers serve. Throws what one of them cannot start for. */
export async function serveByWorkers(
  { parts }: ServingDeps,
  workers: Workers,
  { directory, ...control }: ControlParts & { readonly directory: MeshDirectory },
): Promise<Serving> {
  const { reconciler, upstreams } = control
  parts.defer(() => workers.close(0))
  const addresses = await workers.start({
    state: () => planeState(reconciler.hot, reconciler.generation, upstreams),
    lookUp: (question) => lookUp(question, directory, upstreams),
    onCalled: (names) => directory.noteCalls(names),
    onTrouble: (upstream, endpoint) => upstreams.find(upstream)?.upstream.onTrouble?.(endpoint),
    onEjected: (upstream, endpoint, forMs) => takeEjection(upstreams.find(upstream)?.upstream, endpoint, forMs),
  })
  return { addresses, startDraining: () => workers.startDraining(), close: (drainMs) => workers.close(drainMs) }
}

/** What this process and its workers have under way at instances that leave; null: a worker does not say. */
export async function leavingOf({ upstreams, workers, clock }: LeavingDeps): Promise<LeavingLoads | null> {
  const own = leavingLoads(upstreams.rows, clock.monotonic())
  const others = workers ? await workers.leaving() : {}
  return others && mergedLoads([own, others])
}

interface LeavingDeps {
  readonly upstreams: UpstreamTable
  /** Null: this process serves alone. */
  readonly workers: Workers | null
  readonly clock: Clock
}

/** How many WebSockets and other tunnels are open here and at the workers, by upstream. */
export async function tunnelsOf({ upstreams, workers }: Omit<LeavingDeps, 'clock'>): Promise<ReadonlyMap<string, number>> {
  const own = upstreamMetricSources(() => [...upstreams.rows].map(({ upstream }) => upstream))
  await workers?.refresh()
  const source = (workers?.merge(own) ?? own).find(({ name }) => name === TUNNELS_METRIC)
  return new Map([...(source?.samples() ?? [])].map(({ labels, value }) => [labels['upstream'] ?? '', value]))
}

/** What has become of requests here and at the workers, by route. */
export async function trafficOf({
  gateway,
  workers,
}: {
  readonly gateway: Gateway
  readonly workers: Workers | null
}): Promise<Traffic> {
  const own = gateway.stats.metricSources()
  await workers?.refresh()
  return trafficIn(workers?.merge(own) ?? own)
}

/** Has the workers serve by the config that has just been applied here. */
export function tellWorkers(workers: Workers, { reconciler, upstreams }: ControlParts): void {
  workers.apply(planeState(reconciler.hot, reconciler.generation, upstreams))
  workers.keepOnly({
    routes: new Set([...reconciler.hot.routes.map(({ name }) => name), ...reservedRouteNames]),
    upstreams: new Set([...upstreams.rows].map(({ upstream }) => upstream.name)),
  })
}

async function lookUp(
  { service, datacenter }: ServiceQuestion,
  directory: MeshDirectory,
  upstreams: UpstreamTable,
): Promise<Found> {
  const found = await directory.find(service, datacenter)
  if (!(found instanceof Upstream)) return { failure: found }
  const row = upstreams.find(found.name)
  const why = `"${service}" has been taken out of the config or the registry just now`
  return row ? { upstream: upstreamState(row) } : { failure: { code: 'upstream_unknown', detail: why } }
}

/** What one worker has found out holds for all, and for the calls of tasks. */
function takeEjection(upstream: Upstream | undefined, endpoint: string, forMs: number): void {
  // Two workers may find out at once: the first one is told.
  if (!upstream || upstream.ejectedForMs(endpoint) !== null) return
  upstream.adoptEjection(endpoint, forMs)
  upstream.onEjection?.(endpoint, forMs, upstream.whyEjected(endpoint))
}
