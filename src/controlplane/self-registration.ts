import { hostname } from 'node:os'
import { formatAddress, type Address } from '../address.ts'
import type { Clock, Random } from '../clock.ts'
import type { ServiceConfig } from '../config/config.ts'
import { gatewayService } from '../dataplane/mesh/mesh-name.ts'
import { heartbeat, KeptRegistration } from '../discovery/kept-registration.ts'
import { serviceRegistration } from '../discovery/service-registration.ts'
import type { Logger } from '../logging.ts'
import type { Instance, Registration, Registry } from '../registry/registry.ts'
import type { ServiceWatches } from '../discovery/service-watches.ts'

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

/** Keeps this gateway and the static services of its config registered: a heartbeat tells the gateway's health. Closed by the caller. */
export function registerSelf(front: Address, services: readonly ServiceConfig[], deps: SelfRegistrationDeps): SelfRegistration {
  const self = selfRegistration(front, deps.listeners ?? [])
  const registrations: [Registration, ...Registration[]] = [self, ...services.map(serviceRegistration)]
  const kept = new KeptRegistration({ ...deps, registrations, health: deps.unready })
  let peers: readonly Instance[] = []
  const watch = deps.watches.watch(gatewayService, {
    onValue: (instances) => void (peers = instances.filter(({ id }) => id !== self.id)),
    // Who was there stays known.
    onError: () => {},
  })
  void kept.start()
  return {
    id: self.id,
    get hasPeers() {
      return peers.some(({ status }) => status === 'passing')
    },
    close: () => {
      watch.close()
      return kept.close()
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
    check: heartbeat,
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
