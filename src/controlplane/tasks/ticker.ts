import type { Clock, Timer } from '../../clock.ts'
import { scheduleOf, type Schedule } from './schedule.ts'

/** A replica that was busy fires up to so late; the planned time stays the fire's name. What is later was missed. */
const LATE_BY_AT_MOST_MS = 30_000
/** The wall clock may be set while we wait: so often it is looked at. */
const LOOK_EVERY_MS = 30_000
/** A clock that goes back by less was only adjusted. */
const SET_BACK_BY_MS = 1_000

/** Something that calls at planned times until it is stopped. */
export interface Ticker {
  /** The next planned time; null: stopped. */
  readonly next: Date | null
  stop(): void
}

export interface TickerOptions {
  readonly cron: string
  /** IANA name. */
  readonly timezone: string
  readonly clock: Clock
  /** Gets the planned time, whole seconds, however late the call is. */
  readonly onFire: (fireTime: Date) => void
}

export type StartTicker = (options: TickerOptions) => Ticker

/** Ticks by a cron expression that has no problem; the caller stops it. */
export const startTicker: StartTicker = (options) => new CronTicker(options).start()

class CronTicker implements Ticker {
  readonly #options: TickerOptions
  readonly #schedule: Schedule
  #next: Date | null
  /** Wall time of the last look. */
  #seenAt: number
  #timer: Timer | null = null

  constructor(options: TickerOptions) {
    this.#options = options
    this.#schedule = scheduleOf(options.cron, options.timezone)
    this.#seenAt = options.clock.now()
    this.#next = this.#schedule.next(new Date(this.#seenAt))
  }

  get next(): Date | null {
    return this.#next
  }

  start(): this {
    this.#arm()
    return this
  }

  stop(): void {
    this.#next = null
    this.#timer?.cancel()
  }

  #arm(): void {
    if (!this.#next) return
    const { clock } = this.#options
    const dueInMs = Math.max(0, this.#next.getTime() - clock.now())
    this.#timer = clock.after(Math.min(dueInMs, LOOK_EVERY_MS), () => this.#look())
  }

  #look(): void {
    const now = this.#options.clock.now()
    if (!this.#next) return
    // What had fired before the clock was set back has its record.
    if (now < this.#seenAt - SET_BACK_BY_MS) this.#next = this.#schedule.next(new Date(now))
    this.#seenAt = now
    const earliest = now - LATE_BY_AT_MOST_MS
    if (this.#next.getTime() < earliest) this.#next = this.#schedule.next(new Date(earliest))
    while (this.#next && this.#next.getTime() <= now) {
      const due = this.#next
      this.#next = this.#schedule.next(due)
      this.#options.onFire(due)
    }
    this.#arm()
  }
}
