import type { Clock } from '../../clock.ts'
import type { HotConfig, UpstreamConfig } from '../../config/config.ts'
import type { LookupFailure, ServiceLookup } from '../../dataplane/mesh/mesh.ts'
import type { Upstream } from '../../dataplane/upstream/upstream.ts'
import type { UpstreamRow, UpstreamTable } from '../upstream-table.ts'
import type { Registry, Watch } from '../../registry/registry.ts'
import { Departures } from './departures.ts'
import { FarServices } from './far-services.ts'
import { FirstCalls } from './first-calls.ts'
import { OnDemand, type OnDemandLimits } from './on-demand.ts'
import { ServiceNames } from './service-names.ts'
import { Waiters } from '../waiters.ts'

export interface MeshDirectoryDeps {
  readonly registry: Pick<Registry, 'watchServices' | 'datacenters'>
  readonly upstreams: UpstreamTable
  readonly clock: Clock
  /** The config in force: an upstream made on demand takes its defaults. */
  readonly hot: () => Pick<HotConfig, 'defaultUpstream'>
  /** Of the upstreams that are made on demand. */
  readonly limits: () => OnDemandLimits
}

/**
 * Tells the mesh which names exist: declared upstreams and the services of the registry, nothing else. So the mesh cannot be made to call an
 * address that nobody registered, and the number of upstreams is bounded, whatever names callers invent. Started once, closed by the caller.
 */
export class MeshDirectory {
  readonly #deps: MeshDirectoryDeps
  readonly #firstCalls: FirstCalls
  readonly #onDemand: OnDemand
  readonly #departures: Departures
  readonly #far: FarServices
  #watch: Watch | null = null
  #services: ServiceNames | null = null
  readonly #untilListed = new Waiters()

  constructor(deps: MeshDirectoryDeps) {
    const { upstreams, clock, limits, registry } = deps
    this.#deps = deps
    this.#firstCalls = new FirstCalls(clock)
    this.#onDemand = new OnDemand({ upstreams, clock, limits })
    this.#departures = new Departures({ onDemand: this.#onDemand, upstreams, clock })
    const onServices = (datacenter: string, names: ServiceNames): void => this.#departures.setListed(names, `@${datacenter}`)
    this.#far = new FarServices({ registry, clock, onServices })
  }

  start(): this {
    this.#watch = this.#deps.registry.watchServices({
      onValue: (listed) => {
        this.#services = new ServiceNames(listed)
        this.#departures.setListed(this.#services, '')
        this.#untilListed.release()
      },
      // The names known so far stay valid while the registry is away.
      onError: () => {},
    })
    return this
  }

  /** A call to a service that nothing is known of yet waits up to 2 s for its instances and a first probe, together with all others. */
  readonly find: ServiceLookup = (service, datacenter) => {
    if (datacenter === null || this.#far.isOwn(datacenter)) return this.#findOwn(service)
    // Of a far service that is called already nothing has to be asked.
    const row = this.#deps.upstreams.find(farName(service, datacenter))
    return row ? this.#whenKnown(row) : this.#findFar(service, datacenter)
  }

  /** Notes what other processes have called. */
  noteCalls(upstreams: readonly string[]): void {
    for (const name of upstreams) this.#onDemand.note(name)
  }

  /** Resolves when the registry has told its services, or when the caller no longer wants to wait. */
  whenListed(enough: AbortSignal): Promise<void> {
    return this.#services ? Promise.resolve() : this.#untilListed.wait(enough)
  }

  close(): void {
    this.#untilListed.release()
    this.#watch?.close()
    this.#far.close()
    this.#departures.close()
    this.#onDemand.close()
  }

  #findOwn(name: string): Upstream | LookupFailure | Promise<Upstream | LookupFailure> {
    const { upstreams } = this.#deps
    const row = upstreams.find(name)
    if (row) return this.#whenKnown(row)
    const service = this.#services?.find(name)
    const alike =
      service === name ? null : (upstreams.findAnyCase(name) ?? (service === undefined ? null : upstreams.find(service)))
    if (alike) return this.#whenKnown(alike)
    if (service !== undefined) return this.#demand(this.#deps.hot().defaultUpstream(service))
    if (!this.#services)
      return { code: 'upstream_unknown', detail: `the registry has not listed its services yet, "${name}" may be one` }
    const running = [...upstreams.rows].map(({ upstream }) => upstream.name).filter((other) => !other.includes('@'))
    return { code: 'service_unknown', detail: `there is no service "${name}"`, near: this.#services.near(name, running) }
  }

  async #findFar(name: string, datacenter: string): Promise<Upstream | LookupFailure> {
    const services = await this.#far.of(datacenter)
    if (services === null) return this.#findOwn(name)
    if (!(services instanceof ServiceNames)) return services
    const service = services.find(name)
    if (service === undefined) {
      const detail = `there is no service "${name}" in datacenter "${datacenter}"`
      return { code: 'service_unknown', detail, near: services.near(name) }
    }
    const running = this.#deps.upstreams.find(farName(name, datacenter))
    if (running) return this.#whenKnown(running)
    const config = this.#deps.hot().defaultUpstream(service)
    return this.#demand({ ...config, name: farName(name, datacenter), source: { kind: 'service', service, datacenter } })
  }

  #demand(config: UpstreamConfig): Upstream | LookupFailure | Promise<Upstream> {
    const row = this.#onDemand.start(config)
    if (row) return this.#whenKnown(row)
    const detail = `mesh.maxServices (${this.#deps.limits().maxServices}) services are being called, "${config.name}" is one more`
    return { code: 'mesh_full', detail }
  }

  #whenKnown(row: UpstreamRow): Upstream | LookupFailure | Promise<Upstream> {
    this.#onDemand.note(row.upstream.name)
    return this.#firstCalls.whenKnown(row)
  }
}

/** The upstream of a service of another datacenter: no host, and so no service that a caller can name, has an `@`. */
function farName(service: string, datacenter: string): string {
  return `${service}@${datacenter}`
}
