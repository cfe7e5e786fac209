import { systemClock, systemRandom, type Clock } from '../../src/clock.ts'
import { parseFile, type FileDocument } from '../../src/config/file.ts'
import { discovered } from '../../src/discovery/discovered-upstreams.ts'
import { OwnNode } from '../../src/discovery/own-node.ts'
import { Reconciler } from '../../src/controlplane/reconciler.ts'
import { ServiceWatches } from '../../src/discovery/service-watches.ts'
import type { KvText } from '../../src/controlplane/sources/kv-source.ts'
import { UpstreamTable } from '../../src/discovery/upstream-table.ts'
import { Gateway } from '../../src/dataplane/gateway.ts'
import { createLogger } from '../../src/logging.ts'
import type { Instance, Registry, WatchListener } from '../../src/registry/registry.ts'
import { memoryRegistry } from './memory-registry.ts'

export const fileName = 'gateway.yaml'

/** A config file with a listener, the fastest probes, and what a test adds. */
export function fileText(rest = ''): string {
  return `listeners: { web: { bind: "127.0.0.1:0" } }\n${rest}`
}

export function fileDocument(rest = ''): FileDocument {
  return parseFile(fileText(rest), fileName, { env: {} })
}

/** A registry of which a test decides what its watches tell; nothing else of it works. */
export interface HandRegistry extends Registry {
  /** Services that are watched now, in the order of opening, one entry per watch. */
  readonly watched: readonly string[]
  /** Tells the instances of a service; `isRemembered`: as those of a former process. */
  list(service: string, instances: readonly Instance[], isRemembered?: boolean): void
  /** `datacenter` absent: of the registry's own. */
  listServices(names: readonly string[], datacenter?: string): void
  /** How often the datacenters have been asked for. */
  readonly askedForDatacenters: number
  /** Tells a failure to every watch. */
  fail(error: Parameters<WatchListener<unknown>['onError']>[0]): void
}

export function handRegistry(datacenters: readonly string[] = ['dc1']): HandRegistry {
  const instances = new Map<WatchListener<readonly Instance[]>, string>()
  const services = new Map<WatchListener<readonly string[]>, string | undefined>()
  let asked = 0
  const registry = memoryRegistry({
    watchInstances: (service, listener, datacenter) => {
      instances.set(listener, datacenter === undefined ? service : `${service}@${datacenter}`)
      return { freshSince: 0, close: () => void instances.delete(listener) }
    },
    watchServices: (listener, datacenter) => {
      services.set(listener, datacenter)
      return { freshSince: 0, close: () => void services.delete(listener) }
    },
    datacenters: async () => {
      asked++
      return { own: datacenters[0] ?? 'dc1', all: datacenters }
    },
  })
  return {
    ...registry,
    get askedForDatacenters() {
      return asked
    },
    get watched() {
      return [...instances.values()]
    },
    list: (service, found, isRemembered) =>
      instances.forEach((name, listener) => name === service && listener.onValue(found, isRemembered)),
    listServices: (names, datacenter) => services.forEach((of, listener) => of === datacenter && listener.onValue(names)),
    fail: (error) => [...instances.keys(), ...services.keys()].forEach((listener) => listener.onError(error)),
  }
}

/** Nobody knows the node of the registry. */
export const noNode: Pick<OwnNode, 'metaOf' | 'whenKnown'> = { metaOf: () => null, whenKnown: () => () => {} }

/** An instance on 127.0.0.1 as the registry lists it. */
export function instance(service: string, port: number, changes: Partial<Instance> = {}): Instance {
  const address = { host: '127.0.0.1', port }
  const rest = { node: 'n1', nodeMeta: {}, tags: [], meta: {}, weight: 1, status: 'passing' } as const
  return { id: `${service}-${port}`, service, address, ...rest, ...changes }
}

/** A logger that keeps what it is given. */
export function keptLog() {
  const lines: { event: string; msg: string; [field: string]: unknown }[] = []
  const logger = createLogger('debug', { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) })
  const of = (event: string) => lines.filter((line) => line.event === event)
  return { logger, of }
}

/** Everything between sources and data plane, without sources: a test is the source. */
export function startControlPlane(
  file: string,
  { clock = systemClock, registry = handRegistry() }: { clock?: Clock; registry?: Registry } = {},
) {
  const log = keptLog()
  const { logger } = log
  const gateway = new Gateway({ clock, random: systemRandom, logger, accessLog: false })
  const upstreams = new UpstreamTable(
    discovered({
      watches: new ServiceWatches(registry),
      ownNode: new OwnNode({ registry, clock, random: systemRandom, logger }),
      clock,
      random: systemRandom,
      logger,
    }),
    0,
  )
  const deps = { gateway, upstreams, clock, random: systemRandom, logger, context: { env: {} } }
  const reconciler = new Reconciler(fileDocument(file), fileName, deps)
  return {
    gateway,
    upstreams,
    reconciler,
    log,
    setFile: (rest: string) => reconciler.setFileText(fileText(rest)),
    close: () => {
      reconciler.close()
      return upstreams.close()
    },
  }
}

/** Entries of KV as their source hands them over: `{ 'routes/hello': '/hello -> hello' }`, the first one written first. */
export function kvTexts(texts: Readonly<Record<string, string>>): readonly KvText[] {
  return Object.entries(texts).map(([path, text], at) => {
    const [folder, name = ''] = path.split('/') as [KvText['folder'], string?]
    return { folder, name, key: `gateway/${path}`, text, modifyIndex: BigInt(at + 1) }
  })
}
