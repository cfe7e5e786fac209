import { randomBytes } from 'node:crypto'

/** Something that happened, told to all agents (Consul: user events). */
export interface UserEvent {
  readonly id: string
  readonly name: string
  readonly payload: Buffer
  readonly nodeFilter: string
  readonly serviceFilter: string
  readonly tagFilter: string
  /** Counts up with each event. */
  readonly time: number
}

// Consul: an agent remembers this many.
const mostEvents = 256

/** The last events, in memory only: like Consul's, they do not survive a restart. */
export class Events {
  readonly #events: UserEvent[] = []
  // The first event of an agent of Consul has the time 2.
  #time = 1

  /** The time that the next event gets. */
  get nextTime(): number {
    return this.#time + 1
  }

  /** An event that is for others only: it is not kept, and counts. */
  pass(event: Omit<UserEvent, 'id' | 'time'>): UserEvent {
    return { ...event, id: newId(), time: ++this.#time }
  }

  fire(event: Omit<UserEvent, 'id' | 'time'>): UserEvent {
    const fired = this.pass(event)
    this.#events.push(fired)
    if (this.#events.length > mostEvents) this.#events.shift()
    return fired
  }

  /** Those of one name, or all; the oldest first. */
  list(name: string): readonly UserEvent[] {
    return name === '' ? [...this.#events] : this.#events.filter((event) => event.name === name)
  }
}

/** What stands for an index of a list of events: the last id, folded to 64 bits. It does not count up. */
export function eventIndex(events: readonly UserEvent[]): bigint {
  const last = events.at(-1)
  if (!last) return 1n
  const bits = Buffer.from(last.id.replaceAll('-', ''), 'hex')
  return bits.readBigUInt64BE(0) ^ bits.readBigUInt64BE(8)
}

// Consul's ids are plain random bits in the form of a UUID.
function newId(): string {
  return randomBytes(16)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
