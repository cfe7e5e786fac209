import { isIP } from 'node:net'
import { isLoopback } from '../../address.ts'
import type { MeshConfig } from '../../config/config.ts'
import type { CallerAddresses } from '../../dataplane/mesh/callers.ts'
import type { ServiceWatches } from '../service-watches.ts'
import type { Instance, Watch } from '../../registry/registry.ts'

interface Watched {
  readonly watch: Watch
  instances: readonly Instance[]
}

export interface FollowedAddressesDeps {
  readonly watches: ServiceWatches
  /** Called when the addresses are others. */
  readonly onChange: (addresses: CallerAddresses) => void
}

/**
 * Follows at which addresses the services are that rules name, so that a caller without a token may be known by its own. An address that two of them
 * share names nobody, and neither does loopback: everything on the machine has it. Closed by the caller.
 */
export class FollowedAddresses {
  readonly #deps: FollowedAddressesDeps
  readonly #watched = new Map<string, Watched>()
  #nameable: ReadonlySet<string> = new Set()
  #published: CallerAddresses = new Map()

  constructor(deps: FollowedAddressesDeps) {
    this.#deps = deps
  }

  setConfig({ rules, callers, byAddress }: MeshConfig): void {
    const proven = callers.map(({ service }) => service)
    // Rules have no case: one that says `web` is for a caller that has its token as `Web`.
    const needsToken = new Set(proven.map((service) => service.toLowerCase()))
    const nameable = [...named(rules.map(({ from }) => from))].filter(
      (service) => byAddress && !needsToken.has(service.toLowerCase()),
    )
    this.#nameable = new Set(nameable)
    // The others are watched for the addresses that they share with these.
    const wanted = nameable.length === 0 ? new Set<string>() : named([...rules.flatMap(({ from, to }) => [from, to]), ...proven])
    for (const [service, { watch }] of this.#watched) if (!wanted.has(service) && this.#watched.delete(service)) watch.close()
    for (const service of wanted) if (!this.#watched.has(service)) this.#follow(service)
    this.#publish()
  }

  close(): void {
    for (const { watch } of this.#watched.values()) watch.close()
    this.#watched.clear()
  }

  #follow(service: string): void {
    const watch = this.#deps.watches.watch(service, {
      onValue: (instances) => {
        watched.instances = instances
        this.#publish()
      },
      // What is known so far stays valid while the registry is away.
      onError: () => {},
    })
    const watched: Watched = { watch, instances: [] }
    this.#watched.set(service, watched)
  }

  #publish(): void {
    const next = this.#addresses()
    const isSame = next.size === this.#published.size && [...next].every(([ip, service]) => this.#published.get(ip) === service)
    if (isSame) return
    this.#published = next
    this.#deps.onChange(next)
  }

  #addresses(): CallerAddresses {
    const owners = new Map<string, Set<string>>()
    for (const [service, { instances }] of this.#watched) {
      for (const { address } of instances) {
        const ip = spelledAsPeer(address.host)
        if (isIP(ip) !== 0 && !isLoopback(ip)) owners.set(ip, (owners.get(ip) ?? new Set()).add(service))
      }
    }
    const clear = [...owners].flatMap(([ip, services]) => (services.size === 1 ? [[ip, [...services][0] ?? ''] as const] : []))
    return new Map(clear.filter(([, service]) => this.#nameable.has(service)))
  }
}

function named(sides: readonly string[]): ReadonlySet<string> {
  return new Set(sides.filter((side) => side !== '*'))
}

/** An IP address as a socket spells that of its peer: IPv6 has many spellings, and IPv4 one inside of it. Anything else as it is. */
function spelledAsPeer(host: string): string {
  if (isIP(host) !== 6 || host.includes('%')) return host
  const { hostname } = new URL(`http://[${host}]`)
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? []
  if (high === undefined || low === undefined) return hostname.slice(1, -1)
  return [high, low].flatMap((pair) => [Number.parseInt(pair, 16) >> 8, Number.parseInt(pair, 16) & 255]).join('.')
}
