import { pause, type Clock } from '../../clock.ts'
import type { LookupFailure } from '../../dataplane/mesh/mesh.ts'
import { messageOf } from '../../errors.ts'
import type { Datacenters, Registry, Watch } from '../../registry/registry.ts'
import { ServiceNames } from './service-names.ts'

/** How long the first calls wait for the list of services of another datacenter, ms. */
const FIRST_LIST_MS = 2_000
/** So long what the registry has said of its datacenters is not asked again, ms: names of datacenters are callers' to invent. */
const ASKED_AGAIN_MS = 5_000
/** Other datacenters whose services are followed, each with a read that is held. */
const MOST_FOLLOWED = 8

export interface FarServicesDeps {
  readonly registry: Pick<Registry, 'watchServices' | 'datacenters'>
  readonly clock: Clock
  /** Called when the services of another datacenter are another list. */
  readonly onServices: (datacenter: string, names: ServiceNames) => void
}

interface Followed {
  readonly watch: Watch
  names: ServiceNames | null
  readonly known: AbortController
  /** Ends with the first list, or when that has been waited for long enough: once for all that wait. */
  readonly listed: Promise<void>
}

/** The services of other datacenters, followed from the first call to one of them on. Closed by the caller. */
export class FarServices {
  readonly #deps: FarServicesDeps
  readonly #followed = new Map<string, Followed>()
  #datacenters: Datacenters | null = null
  #askedSince = -Infinity
  #asking: Promise<string | null> | null = null

  constructor(deps: FarServicesDeps) {
    this.#deps = deps
  }

  /** Whether that is our own datacenter, as far as the registry has told its name. */
  isOwn(datacenter: string): boolean {
    return datacenter === this.#datacenters?.own?.toLowerCase()
  }

  /** The services of a datacenter, which may turn out to be ours (null); or why there are none. */
  async of(datacenter: string): Promise<ServiceNames | LookupFailure | null> {
    const problem = this.#followed.has(datacenter) ? null : await this.#ask()
    if (this.isOwn(datacenter)) return null
    const followed = this.#followed.get(datacenter) ?? this.#follow(datacenter)
    if (!followed) return this.#noSuch(datacenter, problem)
    await followed.listed
    const why = `the registry has not listed the services of datacenter "${datacenter}" yet`
    return followed.names ?? { code: 'upstream_unknown', detail: why }
  }

  close(): void {
    for (const { watch, known } of this.#followed.values()) {
      known.abort()
      watch.close()
    }
    this.#followed.clear()
  }

  /** Asks for the datacenters, once for all that wait; gives why that failed. */
  #ask(): Promise<string | null> {
    const { clock, registry } = this.#deps
    if (clock.monotonic() - this.#askedSince < ASKED_AGAIN_MS && this.#datacenters) return Promise.resolve(null)
    this.#asking ??= registry
      .datacenters()
      .then(
        (found) => {
          this.#datacenters = found
          this.#askedSince = clock.monotonic()
          return null
        },
        (error: unknown) => messageOf(error),
      )
      .finally(() => (this.#asking = null))
    return this.#asking
  }

  #follow(datacenter: string): Followed | null {
    const name = this.#datacenters?.all.find((known) => known.toLowerCase() === datacenter)
    if (name === undefined || this.#followed.size >= MOST_FOLLOWED) return null
    const known = new AbortController()
    const listener = {
      onValue: (listed: readonly string[]) => {
        followed.names = new ServiceNames(listed)
        known.abort()
        this.#deps.onServices(datacenter, followed.names)
      },
      // What is known so far stays valid.
      onError: () => {},
    }
    const followed: Followed = {
      watch: this.#deps.registry.watchServices(listener, name),
      names: null,
      known,
      listed: pause(this.#deps.clock, FIRST_LIST_MS, known.signal),
    }
    this.#followed.set(datacenter, followed)
    return followed
  }

  #noSuch(datacenter: string, problem: string | null): LookupFailure {
    if (problem !== null && !this.#datacenters) return { code: 'upstream_unknown', detail: problem }
    const all = this.#datacenters?.all ?? []
    if (all.some((known) => known.toLowerCase() === datacenter))
      return { code: 'mesh_full', detail: `services of ${MOST_FOLLOWED} other datacenters are followed already` }
    const hint = `There is no datacenter "${datacenter}".`
    return { code: 'service_unknown', detail: `there is no datacenter "${datacenter}"; there are ${all.join(', ')}`, hint }
  }
}
