import { pause, type Clock } from '../clock.ts'
import type { HotConfig } from '../config/config.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'
import { GatewayError } from '../errors.ts'
import type { Registry, Watch } from '../registry/registry.ts'
import type { UpstreamTable } from './upstream-table.ts'

/** How long the first call to a service waits for its instances and their first probes, ms. */
const FIRST_LOOKUP_MS = 2_000

export interface MeshDirectoryDeps {
  readonly registry: Registry
  readonly upstreams: UpstreamTable
  readonly clock: Clock
  /** The config in force: an upstream made on demand takes its defaults. */
  readonly hot: () => HotConfig
}

/**
 * Tells the mesh listener which names exist: declared upstreams and the services of the registry, nothing else. So the listener cannot be
 * made to call an address that nobody registered, and the number of upstreams is bounded by the registry, not by what callers invent.
 */
export class MeshDirectory {
  readonly #deps: MeshDirectoryDeps
  readonly #watch: Watch
  #services: ReadonlySet<string> | null = null

  constructor(deps: MeshDirectoryDeps) {
    this.#deps = deps
    this.#watch = deps.registry.watchServices({
      onValue: (names) => this.#setServices(new Set(names)),
      // The names known so far stay valid while the registry is away.
      onError: () => {},
    })
  }

  /**
   * The upstream of that name; null if there is none. The first call to a service waits up to 2 s for its instances and their probes.
   * Throws `upstream_unknown` while the registry has not told its services yet.
   */
  find(name: string): Upstream | null | Promise<Upstream | null> {
    const running = this.#deps.upstreams.find(name)
    if (running) return running.discovery.isSettled ? running.upstream : this.#whenSettled(running)
    if (!this.#services)
      throw new GatewayError('upstream_unknown', `the registry has not listed its services yet, "${name}" may be one`)
    if (!this.#services.has(name)) return null
    return this.#whenSettled(this.#deps.upstreams.demand(this.#deps.hot().defaultUpstream(name)))
  }

  close(): void {
    this.#watch.close()
  }

  async #whenSettled(row: { upstream: Upstream; discovery: { whenSettled(): Promise<void> } }): Promise<Upstream> {
    const waited = new AbortController()
    await Promise.race([row.discovery.whenSettled(), pause(this.#deps.clock, FIRST_LOOKUP_MS, waited.signal)])
    waited.abort()
    return row.upstream
  }

  #setServices(services: ReadonlySet<string>): void {
    this.#services = services
    for (const name of this.#deps.upstreams.onDemand) if (!services.has(name)) this.#deps.upstreams.forget(name)
  }
}
