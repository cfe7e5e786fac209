import type { Clock, Timer } from '../../clock.ts'
import type { UpstreamTable } from '../upstream-table.ts'
import type { OnDemand } from './on-demand.ts'
import type { ServiceNames } from './service-names.ts'

/** Between two looks at services that are gone and still have instances, ms. */
const LOOK_EVERY_MS = 1_000

export interface DeparturesDeps {
  readonly onDemand: OnDemand
  readonly upstreams: UpstreamTable
  readonly clock: Clock
}

/**
 * Ends what was called of services that the registry lists no more, each when its last instance is gone: the registry tells its services and
 * their instances apart from each other, and those that the brake holds are called as long as it does. Closed by the caller.
 */
export class Departures {
  readonly #deps: DeparturesDeps
  /** By the ends of upstreams' names: `@dc2`, for our own datacenter nothing. */
  readonly #listed = new Map<string, ServiceNames>()
  #again: Timer | null = null

  constructor(deps: DeparturesDeps) {
    this.#deps = deps
  }

  /** Takes the services that one datacenter lists now. */
  setListed(names: ServiceNames, suffix: string): void {
    this.#listed.set(suffix, names)
    this.#look()
  }

  close(): void {
    this.#again?.cancel()
    this.#again = null
  }

  #look(): void {
    const { onDemand, clock } = this.#deps
    this.close()
    const leaving = [...onDemand.names].filter((name) => !this.#isListed(name))
    const served = leaving.filter((name) => this.#hasInstances(name))
    for (const name of leaving) if (!served.includes(name)) onDemand.forget(name)
    if (served.length > 0) this.#again = clock.after(LOOK_EVERY_MS, () => this.#look())
  }

  /** Of a datacenter that has not told its services nothing is known to be gone. */
  #isListed(name: string): boolean {
    const at = name.indexOf('@')
    const [service, suffix] = at === -1 ? [name, ''] : [name.slice(0, at), name.slice(at)]
    return this.#listed.get(suffix)?.find(service) !== undefined || !this.#listed.has(suffix)
  }

  #hasInstances(name: string): boolean {
    const { published } = this.#deps.upstreams.find(name)?.discovery ?? {}
    return (published?.length ?? 0) > 0
  }
}
