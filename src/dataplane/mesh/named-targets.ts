import type { Failure } from '../exchange.ts'
import type { Member } from '../upstream/members.ts'
import type { Picker } from '../upstream/picker.ts'
import { Subset } from '../upstream/subset.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** Where a call by name goes: an upstream, or the part of it that the name and its port ask for. */
export interface NamedTarget {
  readonly upstream: Upstream
  readonly picker: Picker
}

/** Which instances a call wants. */
export interface Wanted {
  readonly tag: string | null
  /** Registered by them; null: any. */
  readonly port: number | null
}

/** Parts of one upstream that are remembered with their balancers; which parts there are is for callers to choose. */
const MOST_PARTS = 64

/** Finds the part of an upstream that a call asks for. A port that no instance has registered is refused: nobody is to reach other ports. */
export class NamedTargets {
  readonly #parts = new WeakMap<Upstream, Map<string, Subset>>()

  find(upstream: Upstream, { tag, port }: Wanted): NamedTarget | Failure {
    // Of one whose instances are not known nothing can be chosen, and the upstream says so.
    if ((tag === null && port === null) || !upstream.members.known) return { upstream, picker: upstream }
    const { all } = upstream.members
    if (port !== null && all.length > 0 && !all.some(({ endpoint }) => endpoint.address.port === port)) {
      return { code: 'port_not_registered', detail: `no instance of "${upstream.name}" has registered port ${port}` }
    }
    return { upstream, picker: this.#part(upstream, tag === null ? null : spelled(tag, all), port) }
  }

  #part(upstream: Upstream, tag: string | null, port: number | null): Subset {
    const parts = this.#parts.get(upstream) ?? new Map<string, Subset>()
    const key = `${port ?? ''} ${tag ?? ''}`
    const found = parts.get(key) ?? new Subset(upstream, tag === null ? {} : { tag }, port)
    if (parts.size >= MOST_PARTS && !parts.has(key)) parts.clear()
    this.#parts.set(upstream, parts.set(key, found))
    return found
  }
}

/** Hosts have no case, tags have. */
function spelled(tag: string, members: readonly Member[]): string {
  for (const { tags } of members) for (const known of tags) if (known.toLowerCase() === tag) return known
  return tag
}
