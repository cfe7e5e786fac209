import type { Clock } from '../../clock.ts'

/** Something that must end in time. */
export interface Deadline {
  /** Monotonic ms; Infinity: none at present. May change at any time. */
  dueAt: number
  /** Kept by {@link Deadlines}; -1: not watched. */
  place: number
  /** Called once `dueAt` has passed; the deadline is set to Infinity before. */
  onDue(): void
}

/** How late a deadline may be noticed, ms. */
const LOOK_EVERY_MS = 50

/**
 * Watches the deadlines of all running exchanges with one timer: two timers per request would cost more than the balancing. A deadline is
 * noticed up to 50 ms late. The timer is armed only while something is watched.
 */
export class Deadlines {
  readonly #clock: Clock
  /**
   * Not a set: one that exchanges come to and leave by the thousand makes a new table every few dozen, and an old table that has outlived two
   * collections keeps all later ones, and what was in them, until the next full collection.
   */
  readonly #watched: Deadline[] = []
  #armed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(deadline: Deadline): void {
    deadline.place = this.#watched.push(deadline) - 1
    if (!this.#armed) this.#arm()
  }

  remove(deadline: Deadline): void {
    const { place } = deadline
    if (place < 0) return
    deadline.place = -1
    const last = this.#watched.pop()
    if (!last || last === deadline) return
    this.#watched[place] = last
    last.place = place
  }

  readonly #look = (): void => {
    const now = this.#clock.thisTurn()
    // From the end: whoever leaves meanwhile is replaced by one that has been looked at, or is before it.
    for (let place = this.#watched.length - 1; place >= 0; place--) {
      const deadline = this.#watched[place]
      if (!deadline || deadline.dueAt > now) continue
      deadline.dueAt = Infinity
      deadline.onDue()
    }
    this.#armed = false
    if (this.#watched.length > 0) this.#arm()
  }

  #arm(): void {
    this.#armed = true
    this.#clock.after(LOOK_EVERY_MS, this.#look)
  }
}
