import type { Clock } from '../../clock.ts'

/** Something that must end in time. */
export interface Deadline {
  /** Monotonic ms; Infinity: none at present. May change at any time. */
  dueAt: number
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
  readonly #watched = new Set<Deadline>()
  #armed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(deadline: Deadline): void {
    this.#watched.add(deadline)
    if (!this.#armed) this.#arm()
  }

  remove(deadline: Deadline): void {
    this.#watched.delete(deadline)
  }

  readonly #look = (): void => {
    const now = this.#clock.monotonic()
    for (const deadline of this.#watched) {
      if (deadline.dueAt > now) continue
      deadline.dueAt = Infinity
      deadline.onDue()
    }
    this.#armed = false
    if (this.#watched.size > 0) this.#arm()
  }

  #arm(): void {
    this.#armed = true
    this.#clock.after(LOOK_EVERY_MS, this.#look)
  }
}
