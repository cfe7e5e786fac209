import { hostname } from 'node:os'
import { formatAddress, type Address } from '../address.ts'
import type { Clock, Random, Timer } from '../clock.ts'
import type { ServiceConfig } from '../config/config.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { Instance, Registration, Registry } from '../registry/registry.ts'
import type { ServiceWatches } from '../discovery/service-watches.ts'

/** The service under which every gateway registers itself. */
const gatewayService = 'meshgate'

const BEAT_EVERY_MS = 5_000
/** Three beats and a bit: one lost beat is no outage. */
const TTL_MS = 16_000
/** Consul's smallest; a gateway that was killed leaves the list after it. */
const DEREGISTER_AFTER_MS = 60_000

/** A listener as it listens. */
export interface ListeningAs {
  readonly name: string
  readonly mode: 'front' | 'mesh'
  readonly address: Address
}

/** An instance has at most 64 pairs of meta. */
const MOST_LISTENERS = 60

export interface SelfRegistrationDeps {
  readonly registry: Registry
  readonly watches: ServiceWatches
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Told in its meta, so that others find the listener that they need. */
  readonly listeners?: readonly ListeningAs[]
  /** Why the gateway is not ready; null: it is. */
  readonly unready: () => string | null
}

export interface SelfRegistration {
  /** The id of this gateway in the registry; also its name as a candidate for leadership. */
  readonly id: string
  /** Whether the registry lists another gateway that is alive. */
  readonly hasPeers: boolean
  /** Takes everything that was registered out again; never throws. */
  close(): Promise<void>
}

/**
 * Keeps this gateway and the static services of its config registered: a heartbeat tells the gateway's health. When the registry does not
 * list this gateway any more (it lost its data, somebody deregistered us), everything is registered again with the next beat. A static
 * service that somebody takes out by itself stays out until then.
 */
export function registerSelf(front: Address, services: readonly ServiceConfig[], deps: SelfRegistrationDeps): SelfRegistration {
  const { registry, clock, random, logger, listeners = [] } = deps
  const self = selfRegistration(front, listeners)
  const everything = [self, ...services.map(registrationOf)]
  let peers: readonly Instance[] = []
  let registered = false
  let complained = false
  let closed = false
  let timer: Timer | null = null
  let beating: Promise<void> = Promise.resolve()

  const watch = deps.watches.watch(gatewayService, {
    onValue: (instances) => {
      peers = instances.filter((instance) => instance.id !== self.id)
      // Somebody took us out of the list: the next beat puts us back.
      if (peers.length === instances.length) registered = false
    },
    onError: () => {},
  })
  const beat = async (): Promise<void> => {
    try {
      if (!registered) await registerAll()
      const reason = deps.unready()
      await registry.reportHealth(self.id, reason === null ? 'passing' : 'critical', reason ?? 'serving')
      complained = false
    } catch (error) {
      registered = false
      if (!complained)
        logger.warn({ event: 'self.unregistered', error: messageOf(error) }, 'cannot register with the registry yet')
      complained = true
    }
  }
  const registerAll = async (): Promise<void> => {
    for (const registration of everything) await registry.register(registration)
    registered = true
    logger.info({ event: 'self.registered', id: self.id, services: everything.map(({ id }) => id) }, `registered as ${self.id}`)
  }
  const stays = (id: string, error: unknown): void =>
    logger.warn({ event: 'self.still_registered', id, error: messageOf(error) }, `${id} could not be deregistered`)
  const loop = (): void => {
    beating = beat().then(() => {
      if (!closed) timer = clock.after(BEAT_EVERY_MS * (0.9 + 0.2 * random()), loop)
    })
  }
  loop()
  return {
    id: self.id,
    get hasPeers() {
      return peers.some(({ status }) => status === 'passing')
    },
    close: async () => {
      closed = true
      timer?.cancel()
      watch.close()
      await beating
      await Promise.all(everything.map(({ id }) => registry.deregister(id).catch((error: unknown) => stays(id, error))))
    },
  }
}

function selfRegistration(front: Address, listeners: readonly ListeningAs[]): Registration {
  const address = { host: reachableHost(front.host), port: front.port }
  return {
    id: `${gatewayService}-${hostname().replace(/[^A-Za-z0-9-]/g, '-')}-${front.port}`,
    name: gatewayService,
    address,
    meta: { pid: String(process.pid), ...Object.fromEntries(listeners.slice(0, MOST_LISTENERS).map(listenerPair)) },
    check: { kind: 'ttl', ttlMs: TTL_MS, deregisterAfterMs: DEREGISTER_AFTER_MS },
  }
}

/** `listener-web: front 10.0.0.5:8080`; Consul takes no other signs than these in a key. */
function listenerPair({ name, mode, address }: ListeningAs): readonly [string, string] {
  return [`listener-${name.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 100)}`, `${mode} ${formatAddress(address)}`]
}

/** Nobody can call 0.0.0.0: an empty address makes the registry use its node's. */
function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '' : host
}

function registrationOf({ id, name, address, tags, meta, check }: ServiceConfig): Registration {
  const base = { id, name, address, tags, meta }
  if (!check) return base
  const { everyMs, timeoutMs } = check
  if (check.kind === 'tcp') return { ...base, check: { kind: 'tcp', address, everyMs, timeoutMs } }
  return { ...base, check: { kind: 'http', url: `http://${formatAddress(address)}${check.path}`, everyMs, timeoutMs } }
}
