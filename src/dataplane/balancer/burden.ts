/** After so long a failure weighs 1/e of what a new one does, ms. */
const DECAY_MS = 5_000
/** Less than so much is nothing. */
const NEGLIGIBLE = 0.01

/**
 * The failures of an endpoint lately, counted as if each were a request still under way: whoever fails at once has nothing under way, and would
 * else look like the one with the most room. Plain numbers, written once per failure.
 */
export class Burden {
  #value = 0
  /** Monotonic ms of the last failure. */
  #at = 0

  /** Whether there is nothing to be counted: then the time need not be asked for. */
  get isNone(): boolean {
    return this.#value === 0
  }

  /** Takes a failure, at a time in monotonic ms. */
  add(now: number): void {
    this.#value = this.valueAt(now) + 1
    this.#at = now
  }

  valueAt(now: number): number {
    const value = this.#value * Math.exp((this.#at - now) / DECAY_MS)
    if (value < NEGLIGIBLE) this.#value = 0
    return value
  }
}
