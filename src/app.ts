import { readFile } from 'node:fs/promises'
import { startAdmin } from './admin/server.ts'
import { gatewayMetricSources } from './admin/metric-sources.ts'
import { formatAddress, type Address } from './address.ts'
import { pause, type Clock, type Random } from './clock.ts'
import type { ColdConfig, ListenerConfig } from './config/config.ts'
import type { FileDocument } from './config/file.ts'
import { joinFleet } from './controlplane/fleet.ts'
import { MeshDirectory } from './controlplane/mesh-directory.ts'
import { OwnNode } from './controlplane/own-node.ts'
import { RegistryStanding } from './controlplane/outage/registry-standing.ts'
import { rememberRegistry } from './controlplane/outage/remember.ts'
import type { RegistryWatches } from './controlplane/outage/remembering-registry.ts'
import { Readiness } from './controlplane/readiness.ts'
import { Reconciler } from './controlplane/reconciler.ts'
import { ServiceWatches } from './controlplane/service-watches.ts'
import { parseAside } from './controlplane/sources/parse-aside.ts'
import { watchConfigFile, type FileSource } from './controlplane/sources/file-source.ts'
import { watchKvConfig, type KvSource } from './controlplane/sources/kv-source.ts'
import { serviceCaller } from './controlplane/tasks/service-caller.ts'
import { UpstreamTable } from './controlplane/upstream-table.ts'
import { Gateway } from './dataplane/gateway.ts'
import { startListener, type Listener } from './dataplane/listener/listener.ts'
import { startEmbeddedRegistry } from './embedded-registry.ts'
import type { Logger } from './logging.ts'
import { Metrics } from './metrics.ts'
import { openConsulRegistry } from './registry/consul/consul-registry.ts'
import type { Registry } from './registry/registry.ts'

export interface AppOptions {
  /** The config file as the person names it, its text, and what was parsed of it. */
  readonly fileName: string
  readonly text: string
  readonly file: FileDocument
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
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
interface Base extends AppOptions {
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
  const upstreams = new UpstreamTable({ watches, ownNode, clock, random, logger }, cold.shutdown.drainMs)
  parts.defer(() => upstreams.close())
  const { reconciler, fileSource, kv } = followConfig(base, { gateway, upstreams, registry: followed })
  const directory = new MeshDirectory({ registry: followed, upstreams, clock, hot: () => reconciler.hot }).start()
  parts.defer(() => directory.close())
  const onStale = (since: number | null): void => {
    if (cold.registry.kind === 'consul' && cold.registry.ageHeader) gateway.registryStaleSince = since
  }
  const standing = new RegistryStanding({ contact: () => registry.contact, lastGood, clock, logger, onStale }).start()
  parts.defer(() => standing.close())
  const readiness = new Readiness({
    standing: () => standing.report(),
    generation: () => reconciler.generation,
    isKvSettled: () => kv.isSettled,
    hasRoutes: () => reconciler.hot.routes.length > 0,
    unsettled: () => [...upstreams.rows].filter(({ discovery }) => !discovery.isSettled).map(({ upstream }) => upstream.name),
  })
  const { listeners, closeListeners } = await startListeners(base, gateway, directory)
  const call = serviceCaller(clock, (exchange) => gateway.serveNamed(exchange, (name) => directory.find(name), 'task'))
  const front = frontAddress(cold.listeners, listeners)
  const { tasks } = parts.adopt(
    joinFleet({ cold, registry, watches, readiness, front, call, clock, random, logger }),
    (membership) => membership.leave(),
  )
  reconciler.onApplied = (hot) => tasks.setTasks(hot.tasks)
  tasks.setTasks(reconciler.hot.tasks)

  const metrics = new Metrics()
  for (const source of gatewayMetricSources({ gateway, upstreams, readiness, configStatus: () => reconciler.status() }))
    metrics.add(source)
  const subject = {
    gateway,
    upstreams,
    readiness,
    metrics,
    configStatus: () => reconciler.status(),
    tasks: () => tasks.view(),
    reload: () => fileSource.reload(),
  }
  // Before the watches end: what they forget then is to stay on disk.
  parts.defer(() => lastGood?.close())
  const admin = await startAdmin(cold.admin.bind, subject, logger)
  closeAdmin = () => admin.close()
  return {
    listeners: new Map([...listeners].map(([name, { address }]) => [name, address])),
    admin: admin.address,
    reload: () => fileSource.reload(),
    stop: async () => {
      readiness.startDraining()
      logger.info({ event: 'gateway.draining' }, `shutting down: no longer ready, listeners close in ${cold.shutdown.graceMs} ms`)
      for (const listener of listeners.values()) listener.startDraining()
      await pause(clock, cold.shutdown.graceMs)
      await closeListeners(cold.shutdown.drainMs)
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

function followConfig(
  { file, fileName, text, env, cold, parts, clock, random, logger }: Base,
  { gateway, upstreams, registry }: { gateway: Gateway; upstreams: UpstreamTable; registry: RegistryWatches },
): { reconciler: Reconciler; fileSource: FileSource; kv: KvSource } {
  const reconciler = new Reconciler(file, fileName, { gateway, upstreams, clock, random, logger, context: { env } })
  parts.defer(() => reconciler.close())
  const kv = watchKvConfig(registry, cold.kv.prefix, {
    onEntries: (entries) => reconciler.setEntries(entries),
    onError: (error) => logger.debug({ event: 'kv.unavailable', code: error.code }, error.message),
  })
  parts.defer(() => kv.close())
  const fileSource = watchConfigFile({
    file: fileName,
    text,
    clock,
    onText: async (next) => reconciler.setFile(await parseAside(next, { fileName, env, before: reconciler.file })),
    onUnreadable: (why) => reconciler.setFileUnreadable(why),
  })
  parts.defer(() => fileSource.close())
  return { reconciler, fileSource, kv }
}

async function startListeners(
  { cold, parts, clock, random, logger }: Base,
  gateway: Gateway,
  directory: MeshDirectory,
): Promise<{ listeners: ReadonlyMap<string, Listener>; closeListeners: (drainMs: number) => Promise<void> }> {
  const listeners = new Map<string, Listener>()
  const closeListeners = async (drainMs: number): Promise<void> => {
    await Promise.all([...listeners.values()].map((listener) => listener.close(drainMs)))
    listeners.clear()
  }
  parts.defer(() => closeListeners(0))
  const lookUp = (name: string) => directory.find(name)
  for (const { name, mode, bind, limits, trust, proxyStatus } of cold.listeners) {
    const serve: Parameters<typeof startListener>[0]['serve'] =
      mode === 'front' ? gateway.serve : (exchange) => gateway.serveNamed(exchange, lookUp, 'mesh')
    const options = { name: `listeners.${name}`, bind, limits, trust, proxyStatus, clock, random, logger, serve }
    listeners.set(name, await startListener(options))
  }
  return { listeners, closeListeners }
}

/** Under which address this gateway is known: its first front listener's. */
function frontAddress(configs: readonly ListenerConfig[], listeners: ReadonlyMap<string, Listener>): Address {
  const front = configs.find(({ mode }) => mode === 'front') ?? configs[0]
  return (front && listeners.get(front.name)?.address) ?? { host: '127.0.0.1', port: 0 }
}
