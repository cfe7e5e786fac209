import type { Clock, Random } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Registry, Session, SessionOptions, Watch, WatchListener } from '../registry.ts'
import { BlockingQuery } from './blocking-query.ts'
import { ConsulClient, MAX_WATCHES, type ConsulReply } from './client.ts'
import { decodeInstances, decodeServices, instancesPath, readCriticalInstances, readOwnNodeMeta } from './instances.ts'
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

const watchLimitText = `more than ${MAX_WATCHES} watches: this one reads every two seconds, since Consul limits the connections of a client`

/** Opens a client of Consul's HTTP API, the real one's or the embedded registry's. It does no I/O by itself. Closed by the caller. */
export function openConsulRegistry(options: ConsulRegistryOptions): Registry {
  const { clock, random, logger } = options
  const client = new ConsulClient(options)
  const sessions = new Set<Session>()
  const watches = new Set<Watch>()
  let closed = false

  const watch = <T>(read: ReadOptions<T>): Watch => {
    const held = watches.size < MAX_WATCHES
    if (!held) logger.warn({ event: 'registry.watch_limit', path: read.path, limit: MAX_WATCHES }, watchLimitText)
    const query = new BlockingQuery({ client, clock, random, logger, held, ...read })
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
    watchInstances: (service, listener) => watch({ path: instancesPath(service), decode: decodeInstances, listener }),
    watchServices: (listener) => watch({ path: '/v1/catalog/services', decode: decodeServices, listener }),
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
    close: async () => {
      closed = true
      for (const opened of watches) opened.close()
      await Promise.all([...sessions].map((session) => session.close()))
      await client.close()
    },
  }
}
