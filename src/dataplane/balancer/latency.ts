/** After so long a sample counts for 1/e of what a new one does, ms. */
const DECAY_MS = 10_000

/**
 * How slow an endpoint is: a moving average that jumps to every peak at once and forgets it in time, so that an endpoint that becomes slow
 * is seen with the first answer that shows it. Plain numbers, written once per answer. Source: Finagle, `PeakEwma`.
 */
export class Latency {
  #valueMs = 0
  /** Monotonic ms of the last sample. */
  #at = 0
  #isKnown = false

  /** False until the first answer. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Takes the time that an answer needed, or that was lost on a failure; `now` in monotonic ms. */
  observe(sampleMs: number, now: number): void {
    const kept = this.valueAt(now)
    const share = Math.exp((this.#at - now) / DECAY_MS)
    // What has decayed meanwhile must not be averaged away a second time.
    this.#valueMs = sampleMs >= kept ? sampleMs : this.#valueMs * share + sampleMs * (1 - share)
    this.#at = now
    this.#isKnown = true
  }

  /** ms; without answers it falls, so that an endpoint that was slow is tried again. */
  valueAt(now: number): number {
    return this.#valueMs * Math.exp((this.#at - now) / DECAY_MS)
  }
}
