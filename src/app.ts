import { readFile } from 'node:fs/promises'
import { startAdmin } from './admin/server.ts'
import { gatewayMetricSources } from './admin/metric-sources.ts'
import { formatAddress, type Address } from './address.ts'
import { pause, type Clock, type Random } from './clock.ts'
import type { ColdConfig, ListenerConfig } from './config/config.ts'
import type { FileDocument } from './config/file.ts'
import { discovered } from './discovery/discovered-upstreams.ts'
import { DrainDesk } from './controlplane/draining/drain-desk.ts'
import { DrainList } from './discovery/draining/drain-list.ts'
import { DrainReport } from './controlplane/draining/drain-report.ts'
import { frontTrust } from './controlplane/explain/config-layers.ts'
import { FleetQuotas } from './controlplane/quotas/fleet-quotas.ts'
import { explain } from './controlplane/explain/explain.ts'
import type { SeenBy } from './controlplane/explain/instances.ts'
import { answerVerdicts, type VerdictQuestion } from './controlplane/simulation/sides.ts'
import { placesOf } from './dataplane/filters/places.ts'
import type { Question } from './dataplane/question.ts'
import { followConfig } from './controlplane/follow-config.ts'
import { joinFleet } from './controlplane/fleet.ts'
import { MeshDirectory } from './discovery/mesh/mesh-directory.ts'
import { FollowedAddresses } from './discovery/mesh/followed-addresses.ts'
import { OwnNode } from './discovery/own-node.ts'
import { RegistryStanding } from './discovery/outage/registry-standing.ts'
import { rememberRegistry } from './controlplane/outage/remember.ts'
import { Readiness } from './controlplane/readiness.ts'
import { RevisionDesk } from './controlplane/revisions/revision-desk.ts'
import { REVISION_SECTION } from './controlplane/revisions/revision-report.ts'
import { Pulse } from './discovery/pulse.ts'
import { ServiceWatches } from './discovery/service-watches.ts'
import { ProbeExchange } from './discovery/shared-probes/probe-exchange.ts'
import { Trials } from './controlplane/trials/trials.ts'
import { AsideParser } from './controlplane/sources/parse-aside.ts'
import { lesserState } from './controlplane/sources/kv-source.ts'
import { serviceCaller } from './controlplane/tasks/service-caller.ts'
import { UpstreamTable } from './discovery/upstream-table.ts'
import { Gateway } from './dataplane/gateway.ts'
import { Mesh } from './dataplane/mesh/mesh.ts'
import { leavingOf, serveByWorkers, serveHere, tellWorkers, trafficOf, tunnelsOf } from './serving.ts'
import { startEmbeddedRegistry } from './embedded-registry.ts'
import type { Logger } from './logging.ts'
import { Metrics } from './metrics.ts'
import { openConsulRegistry } from './registry/consul/consul-registry.ts'
import type { Registry } from './registry/registry.ts'
import { countWorkers } from './workers/sockets.ts'
import { Workers } from './workers/workers.ts'

export interface AppOptions {
  /** The config file as the person names it, its text, and what was parsed of it. */
  readonly fileName: string
  readonly text: string
  readonly file: FileDocument
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Takes whole log lines of worker processes. */
  readonly relay: (lines: string) => void
}

export interface App {
  /** Where the listeners listen, by name. */
  readonly listeners: ReadonlyMap<string, Address>
  readonly admin: Address
  /** Reads the config file again. */
  reload(): Promise<void>
  /** Not ready → stop accepting → drain, with a deadline → release the lock, deregister → end. */
  stop(): Promise<void>
}

/** What every part is given; what a part has opened is put on `parts` and ends in reverse order. */
export interface Base extends AppOptions {
  readonly cold: ColdConfig
  readonly parts: AsyncDisposableStack
}

/**
 * Puts the parts together and starts them; what was started is ended again if a later part fails. Throws `port_in_use`, `bind_failed`,
 * `data_locked`, `data_unusable`, `config_invalid`. A registry that is away is no reason to fail: it is awaited while the gateway runs.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const parts = new AsyncDisposableStack()
  try {
    return await startParts({ ...options, cold: options.file.cold, parts })
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
}

async function startParts(base: Base): Promise<App> {
  const { cold, parts, clock, random, logger } = base
  // It starts last, when all it tells of is there, and ends last, so that /readyz answers to the end.
  let closeAdmin: (() => Promise<void>) | null = null
  parts.defer(() => closeAdmin?.())

  const registry = await openRegistry(base)
  const gateway = new Gateway({ clock, random, logger, accessLog: cold.log.access })
  const { watches: followed, lastGood } = await rememberRegistry(registry, base)
  const watches = new ServiceWatches(followed)
  const ownNode = new OwnNode({ registry, clock, random, logger })
  parts.defer(() => ownNode.close())
  const { prefix } = cold.kv
  const drains = new DrainList({ registry: followed, prefix, clock, logger }).start()
  parts.defer(() => drains.close())
  const pulse = new Pulse({ registry, prefix, clock, random, logger })
  const exchange = new ProbeExchange({ registry, pulse, prefix, clock, logger })
  parts.defer(() => exchange.close())
  const quotas = parts.adopt(new FleetQuotas({ registry, prefix, pulse, clock, logger }), (open) => open.close())
  const count = countWorkers(cold.workers, logger)
  const workers = count === 1 ? null : new Workers({ count, cold, relay: base.relay, clock, random, logger })
  const follower = workers?.follower
  const upstreams = new UpstreamTable(
    discovered({ watches, drains, exchange, ownNode, clock, random, logger, follower }),
    cold.shutdown.drainMs,
  )
  parts.defer(() => upstreams.close())
  const parser = parts.adopt(new AsideParser(clock), (open) => open.close())
  const { reconciler, fileSource, kv, revisions, claims } = followConfig(parts, {
    ...base,
    parser,
    gateway,
    upstreams,
    registry: followed,
    watches,
  })
  const names = { ...followed, datacenters: () => registry.datacenters() }
  const directory = new MeshDirectory({
    registry: names,
    upstreams,
    clock,
    hot: () => reconciler.hot,
    limits: () => reconciler.hot.mesh,
  }).start()
  parts.defer(() => directory.close())
  const mesh = new Mesh({ gateway, lookUp: directory.find, secret: [random(), random()] })
  const addresses = new FollowedAddresses({
    watches,
    onChange: (known) => {
      mesh.addresses = known
      workers?.tellAddresses(known)
    },
  })
  parts.defer(() => addresses.close())
  addresses.setConfig(reconciler.hot.mesh)
  const onStale = (since: number | null): void => {
    if (cold.registry.kind === 'consul' && cold.registry.ageHeader) gateway.registryStaleSince = since
    workers?.tellStale(gateway.registryStaleSince)
  }
  const standing = new RegistryStanding({ contact: () => registry.contact, lastGood, clock, logger, onStale }).start()
  parts.defer(() => standing.close())
  const readiness = new Readiness({
    standing: () => standing.report(),
    generation: () => reconciler.generation,
    kv: () => lesserState(kv.state, revisions.state),
    revisionProblem: () => revisions.standing.problem,
    hasRoutes: () => reconciler.hot.routes.length > 0,
    unsettled: () => [
      ...claims.awaited,
      ...[...upstreams.rows].filter(({ discovery }) => !discovery.isSettled).map(({ upstream }) => upstream.name),
    ],
    workers: workers ? () => workers : undefined,
  })
  const serving = workers
    ? await serveByWorkers(base, workers, { reconciler, upstreams, directory })
    : await serveHere(base, gateway, mesh)
  const call = serviceCaller(clock, (exchange) => mesh.serveTask(exchange))
  const front = frontAddress(cold.listeners, serving.addresses)
  const listeners = cold.listeners.map(({ name, mode, bind }) => ({ name, mode, address: serving.addresses.get(name) ?? bind }))
  const { tasks, status, election, id } = parts.adopt(
    joinFleet({
      cold,
      registry,
      watches,
      readiness,
      front,
      listeners,
      configFile: base.fileName,
      pulse,
      call,
      clock,
      random,
      logger,
    }),
    (membership) => membership.leave(),
  )
  reconciler.onApplied = (hot) => {
    tasks.setTasks(hot.tasks)
    addresses.setConfig(hot.mesh)
    if (workers) tellWorkers(workers, { reconciler, upstreams })
    quotas.setQuotas(workers?.quotas.follow(gateway.snapshot) ?? placesOf(gateway.snapshot, ({ quota }) => quota))
  }
  // What was applied while the others started.
  reconciler.onApplied(reconciler.hot)

  const traffic = () => trafficOf({ gateway, workers })
  const trials = new Trials({ replica: id, revisions, traffic, status, registry, prefix, election, clock, logger })
  parts.defer(() => trials.close())
  const tellRevision = (): void => {
    status.set(REVISION_SECTION, revisions.standing)
    trials.look()
  }
  revisions.onChange = tellRevision
  revisions.knowAs(id)
  tellRevision()

  const drainReport = new DrainReport({ drains, status, clock, leaving: () => leavingOf({ upstreams, workers, clock }) })
  parts.defer(() => drainReport.close())

  const metrics = new Metrics()
  const configStatus = () => ({ ...reconciler.status(), revision: revisions.standing, trial: revisions.pointer?.trial ?? null })
  for (const source of gatewayMetricSources({
    gateway,
    mesh,
    upstreams,
    readiness,
    workers,
    configStatus,
    trials,
    quotas,
    tasks,
  }))
    metrics.add(source)
  const trust = frontTrust(cold.listeners)
  const seenBy: SeenBy = (upstream, address) => upstreams.find(upstream)?.discovery.seenBy(address) ?? []
  const explained = () => ({
    snapshot: gateway.snapshot,
    hot: reconciler.hot,
    layers: reconciler.layers,
    revision: revisions.standing.running,
    trust,
    seenBy,
  })
  const subject = {
    gateway,
    mesh,
    upstreams,
    readiness,
    metrics,
    configStatus,
    tasks,
    workers,
    explain: (question: Question) => explain(explained(), question, random),
    verdicts: (question: VerdictQuestion) => answerVerdicts(explained(), question),
    drains: new DrainDesk({ registry, prefix, upstreams, replica: id, clock }),
    revisions: new RevisionDesk({
      registry,
      prefix,
      parser,
      env: base.env,
      running: reconciler,
      tunnels: () => tunnelsOf({ upstreams, workers }),
      clock,
      logger,
    }),
    reload: () => fileSource.reload(),
  }
  // Before the watches end: what they forget then is to stay on disk.
  parts.defer(() => lastGood?.close())
  const admin = await startAdmin(cold.admin.bind, subject, logger)
  closeAdmin = () => admin.close()
  return {
    listeners: serving.addresses,
    admin: admin.address,
    reload: () => fileSource.reload(),
    stop: async () => {
      readiness.startDraining()
      logger.info({ event: 'gateway.draining' }, `shutting down: no longer ready, listeners close in ${cold.shutdown.graceMs} ms`)
      serving.startDraining()
      await pause(clock, cold.shutdown.graceMs)
      await serving.close(cold.shutdown.drainMs)
      await parts.disposeAsync()
    },
  }
}

async function openRegistry({ cold, parts, clock, random, logger }: Base): Promise<Registry> {
  const common = { clock, random, logger }
  if (cold.registry.kind === 'consul') {
    const { address, token, datacenter } = cold.registry
    return parts.adopt(openConsulRegistry({ address, token, datacenter, ...common }), (registry) => registry.close())
  }
  const embedded = parts.adopt(await startEmbeddedRegistry(cold.registry, common), (server) => server.close())
  const { token, tls } = cold.registry
  const address = `${tls ? 'https' : 'http'}://${formatAddress(embedded.address)}`
  const pinnedCertificate = tls && (await readFile(tls.cert))
  const own = openConsulRegistry({ address, token, datacenter: null, pinnedCertificate, ...common })
  return parts.adopt(own, (registry) => registry.close())
}

/** Under which address this gateway is known: its first front listener's. */
function frontAddress(configs: readonly ListenerConfig[], addresses: ReadonlyMap<string, Address>): Address {
  const front = configs.find(({ mode }) => mode === 'front') ?? configs[0]
  return (front && addresses.get(front.name)) ?? { host: '127.0.0.1', port: 0 }
}
