import type { Clock, Timer } from '../../clock.ts'

// Consul: a session may ask for more, no key is barred for longer.
const longestDelayMs = 60_000

/**
 * Keys that nobody may lock for a while, because the session that held them was ended for it: its holder may not know yet.
 * Kept in memory only, as Consul does; bounded by the keys that sessions held.
 */
export class LockDelays {
  readonly #clock: Clock
  readonly #timers = new Map<string, Timer>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  isBarred(key: string): boolean {
    return this.#timers.has(key)
  }

  bar(key: string, delayMs: number): void {
    if (delayMs <= 0) return
    this.#timers.get(key)?.cancel()
    this.#timers.set(
      key,
      this.#clock.after(Math.min(delayMs, longestDelayMs), () => this.#timers.delete(key)),
    )
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }
}
