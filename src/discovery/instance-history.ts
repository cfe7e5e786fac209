import type { Clock } from '../clock.ts'
import type { Exclusion, Member } from '../dataplane/upstream/members.ts'

/** A change of what an instance gets. */
export interface Transition {
  /** ISO 8601. */
  readonly at: string
  readonly to: 'eligible' | Exclusion
  /** For people: what the probe found, for how long it is ejected. */
  readonly reason: string
}

/** So many are remembered of each instance. */
const REMEMBERED = 10

/** Remembers when each instance began and ceased to be eligible, and why. It forgets an instance that is not a member any more. */
export class InstanceHistory {
  readonly #clock: Clock
  #byInstance: ReadonlyMap<string, readonly Transition[]> = new Map()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes the members as they are now; `reasonOf` is asked for those that have changed. */
  follow(members: readonly Member[], reasonOf: (member: Member) => string): void {
    const at = new Date(this.#clock.now()).toISOString()
    const next = members.map((member): [string, readonly Transition[]] => {
      const key = keyOf(member.id, member.endpoint.key)
      const known = this.#byInstance.get(key) ?? []
      const to: Transition['to'] = member.exclusion ?? 'eligible'
      return [key, known[0]?.to === to ? known : [{ at, to, reason: reasonOf(member) }, ...known].slice(0, REMEMBERED)]
    })
    this.#byInstance = new Map(next)
  }

  /** The latest first. */
  of(id: string, endpointKey: string): readonly Transition[] {
    return this.#byInstance.get(keyOf(id, endpointKey)) ?? []
  }
}

function keyOf(id: string, endpointKey: string): string {
  return `${endpointKey} ${id}`
}
