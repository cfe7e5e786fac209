import type { Clock, Random } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Registry, Session, SessionOptions, Watch, WatchListener } from '../registry.ts'
import { BlockingQuery } from './blocking-query.ts'
import { ChangeBell, type BellMember, type ChangeBellOptions } from './change-bell.ts'
import { ConsulClient, MAX_HELD_SERVICES, type ConsulReply } from './client.ts'
import {
  decodeInstances,
  decodeServices,
  instancesPath,
  readCriticalInstances,
  readDatacenters,
  readOwnNodeMeta,
} from './instances.ts'
import { ConsulKv, decodeEntries, kvPath, kvStatuses } from './kv.ts'
import { deregister, register, removeInstance, reportHealth } from './registration.ts'
import { openConsulSession } from './sessions.ts'

export interface ConsulRegistryOptions {
  /** `http://host:port`. */
  readonly address: string
  readonly token: string | null
  readonly datacenter: string | null
  /** See {@link ConsulClientOptions}. */
  readonly pinnedCertificate?: Buffer | null
  readonly maxBodyBytes?: number
  /** Services for which a read is held each; the others share a bell. Fewer leave more of the connections to other watches. Default 64. */
  readonly heldServices?: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

interface ReadOptions<T> {
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly expect?: readonly number[]
  readonly decode: (reply: ConsulReply) => T
  readonly listener: WatchListener<T>
}

/** Opens a client of Consul's HTTP API, the real one's or the embedded registry's. It does no I/O by itself. Closed by the caller. */
export function openConsulRegistry(options: ConsulRegistryOptions): Registry {
  const { clock, random, logger, heldServices: mostHeld = MAX_HELD_SERVICES } = options
  const client = new ConsulClient(options)
  const sessions = new Set<Session>()
  const watches = new Set<Watch>()
  let closed = false

  const watch = <T>(read: ReadOptions<T>, bell: BellMember | null = null): Watch => {
    const query = new BlockingQuery({ client, clock, random, logger, bell, ...read })
    const opened: Watch = {
      get freshSince() {
        return query.freshSince
      },
      close: () => {
        watches.delete(opened)
        query.close()
      },
    }
    watches.add(opened)
    query.start()
    return opened
  }

  // The first services have a read held for each; the bell that tells the others when to read is opened with the first of these.
  const bells = new Map<string | undefined, ChangeBell>()
  const bellOf = (datacenter: string | undefined): ChangeBell => {
    const query = inDatacenter(datacenter)
    const open: ChangeBellOptions['open'] = (path, decode, on) => watch({ path, query, decode, listener: on })
    const bell = bells.get(datacenter) ?? new ChangeBell({ clock, random, open })
    bells.set(datacenter, bell)
    return bell
  }
  let heldServices = 0
  const watchInstances: Registry['watchInstances'] = (service, listener, datacenter) => {
    const read = { path: instancesPath(service), query: inDatacenter(datacenter), decode: decodeInstances, listener }
    if (heldServices >= mostHeld) return watch(read, bellOf(datacenter).join(service))
    heldServices++
    const opened = watch(read)
    let isOpen = true
    return {
      get freshSince() {
        return opened.freshSince
      },
      close: () => {
        if (isOpen) heldServices--
        isOpen = false
        opened.close()
      },
    }
  }

  const openSession = async (sessionOptions: SessionOptions): Promise<Session> => {
    const session = await openConsulSession(sessionOptions, { client, clock, random, onEnd: (ended) => sessions.delete(ended) })
    sessions.add(session)
    if (!closed) return session
    await session.close()
    throw new GatewayError('registry_unavailable', `session "${sessionOptions.name}": the registry client has been closed`)
  }

  return {
    get contact() {
      return client.contact
    },
    watchInstances,
    watchServices: (listener, datacenter) =>
      watch({ path: '/v1/catalog/services', query: inDatacenter(datacenter), decode: decodeServices, listener }),
    datacenters: () => readDatacenters(client, options.datacenter),
    watchPrefix: (prefix, listener) =>
      watch({ path: kvPath(prefix), query: { recurse: '' }, expect: kvStatuses, decode: decodeEntries, listener }),
    kv: new ConsulKv(client),
    openSession,
    register: (registration) => register(client, registration),
    deregister: (id) => deregister(client, id),
    removeInstance: (instance) => removeInstance(client, instance),
    reportHealth: (id, status, note) => reportHealth(client, id, status, note),
    ownNodeMeta: () => readOwnNodeMeta(client),
    criticalInstances: () => readCriticalInstances(client),
    snapshot: (signal) => client.download({ method: 'GET', path: '/v1/snapshot', signal }),
    close: async () => {
      closed = true
      for (const bell of bells.values()) bell.close()
      for (const opened of watches) opened.close()
      await Promise.all([...sessions].map((session) => session.close()))
      await client.close()
    },
  }
}

function inDatacenter(datacenter: string | undefined): Readonly<Record<string, string>> {
  return datacenter === undefined ? {} : { dc: datacenter }
}
