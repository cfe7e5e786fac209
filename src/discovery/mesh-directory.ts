import type { Clock } from '../clock.ts'
import type { HotConfig } from '../config/config.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'
import { GatewayError } from '../errors.ts'
import type { Registry, Watch } from '../registry/registry.ts'
import type { UpstreamRow, UpstreamTable } from './upstream-table.ts'

/** How long the first call to a service waits for its instances and their first probes, ms. */
const FIRST_LOOKUP_MS = 2_000

/** Under this name Consul lists the RPC ports of its own servers: no caller has business there. */
const registryOwnService = 'consul'

export interface MeshDirectoryDeps {
  readonly registry: Pick<Registry, 'watchServices'>
  readonly upstreams: UpstreamTable
  readonly clock: Clock
  /** The config in force: an upstream made on demand takes its defaults. */
  readonly hot: () => Pick<HotConfig, 'defaultUpstream'>
}

/**
 * Tells the mesh listener which names exist: declared upstreams and the services of the registry, nothing else. So the listener cannot be
 * made to call an address that nobody registered, and the number of upstreams is bounded by the registry, not by what callers invent.
 * Started once, closed by the caller.
 */
export class MeshDirectory {
  readonly #deps: MeshDirectoryDeps
  #watch: Watch | null = null
  #services: ReadonlySet<string> | null = null
  /** Services by their names in lower case: callers' host names have no case (RFC 9110 §4.2.3), the names of services have. */
  #lowerCase: ReadonlyMap<string, string> = new Map()

  constructor(deps: MeshDirectoryDeps) {
    this.#deps = deps
  }

  start(): this {
    this.#watch = this.#deps.registry.watchServices({
      onValue: (names) => this.#setServices(names),
      // The names known so far stay valid while the registry is away.
      onError: () => {},
    })
    return this
  }

  /**
   * The upstream of that name; null if there is none. A call to a service that nothing is known of yet waits up to 2 s for its instances and
   * their first probes. Throws `upstream_unknown` while the registry has not told its services yet.
   */
  find(name: string): Upstream | null | Promise<Upstream | null> {
    const { upstreams } = this.#deps
    const exact = upstreams.find(name) ?? this.#demand(name)
    const row = exact ?? upstreams.findAnyCase(name) ?? this.#demand(this.#lowerCase.get(name.toLowerCase()))
    if (row) return this.#whenKnown(row)
    if (this.#services) return null
    throw new GatewayError('upstream_unknown', `the registry has not listed its services yet, "${name}" may be one`)
  }

  close(): void {
    this.#watch?.close()
  }

  /** The upstream of a service that the registry lists. */
  #demand(service: string | undefined): UpstreamRow | null {
    if (service === undefined || !this.#services?.has(service)) return null
    const { upstreams, hot } = this.#deps
    return upstreams.find(service) ?? upstreams.demand(hot().defaultUpstream(service))
  }

  #whenKnown({ upstream, discovery }: UpstreamRow): Upstream | Promise<Upstream> {
    // With one eligible instance nobody waits for the first probe of another.
    if (upstream.members.eligible.length > 0 || discovery.isSettled) return upstream
    const enough = new AbortController()
    const timer = this.#deps.clock.after(FIRST_LOOKUP_MS, () => enough.abort())
    return discovery.whenSettled(enough.signal).then(() => {
      timer.cancel()
      return upstream
    })
  }

  #setServices(names: readonly string[]): void {
    const callable = names.filter((name) => name !== registryOwnService)
    this.#services = new Set(callable)
    this.#lowerCase = new Map(callable.map((name) => [name.toLowerCase(), name]))
    for (const name of this.#deps.upstreams.onDemand) if (!this.#services.has(name)) this.#deps.upstreams.forget(name)
  }
}
