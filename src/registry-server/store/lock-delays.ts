import type { Clock } from '../../clock.ts'
import { jsonCodec } from './codecs.ts'
import type { LockDelayRow } from './rows.ts'
import { Table } from './table.ts'

// Consul: a session may ask for more, no key is barred for longer.
const longestDelayMs = 60_000

/**
 * Keys that nobody may lock for a while, because the session that held them was ended for it: its holder may not know yet. Unlike
 * Consul's they survive a restart, which that holder does not notice either. Bounded by the keys that sessions held.
 */
export class LockDelays {
  readonly rows = new Table<LockDelayRow>('lock_delays', jsonCodec())
  readonly #clock: Clock
  /** Monotonic time until which a key is barred, ms: the wall clock of the rows may jump. */
  readonly #until = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  isBarred(key: string): boolean {
    // Both: the row is undone with a write that fails.
    return this.rows.get(key) !== undefined && (this.#until.get(key) ?? 0) > this.#clock.monotonic()
  }

  /** Bars a key from now on; gives the row that the same write puts into {@link rows}, or null for no delay. */
  start(key: string, wantedMs: number): LockDelayRow | null {
    if (wantedMs <= 0) return null
    const delayMs = Math.min(wantedMs, longestDelayMs)
    this.#until.set(key, this.#clock.monotonic() + delayMs)
    return { key, until: this.#clock.now() + delayMs }
  }

  /** Goes on with the delays that were loaded, for what is left of them. */
  resume(): void {
    for (const { key, until } of this.rows.withPrefix('')) {
      const leftMs = Math.min(until - this.#clock.now(), longestDelayMs)
      if (!this.#until.has(key)) this.#until.set(key, this.#clock.monotonic() + leftMs)
    }
  }

  /** The keys whose delay is over, so that their rows may go. */
  takeExpired(): readonly string[] {
    const now = this.#clock.monotonic()
    for (const [key, until] of this.#until) if (until <= now) this.#until.delete(key)
    return [...this.rows.withPrefix('')].map(({ key }) => key).filter((key) => !this.#until.has(key))
  }
}
