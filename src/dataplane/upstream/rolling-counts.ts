/** Of so many slices a window is made: counts are forgotten one slice at a time. */
const SLICES = 10

/** Counts what happened within the last `windowMs`, to a tenth of it. All times are monotonic ms. */
export class RollingCounts {
  readonly windowMs: number
  total = 0
  failed = 0
  readonly #totals = Array<number>(SLICES).fill(0)
  readonly #failures = Array<number>(SLICES).fill(0)
  /** Number of the slice that counts now, from the begin of time. */
  #slice = 0

  constructor(windowMs: number) {
    this.windowMs = windowMs
  }

  /** The share of failures, 0 … 1. */
  get failedRatio(): number {
    return this.total === 0 ? 0 : this.failed / this.total
  }

  add(isFailure: boolean, now: number): void {
    this.forget(now)
    const at = this.#slice % SLICES
    this.#totals[at] = (this.#totals[at] ?? 0) + 1
    this.total++
    if (!isFailure) return
    this.#failures[at] = (this.#failures[at] ?? 0) + 1
    this.failed++
  }

  /** Drops what is too old. */
  forget(now: number): void {
    const slice = Math.floor((now * SLICES) / this.windowMs)
    const steps = Math.min(SLICES, slice - this.#slice)
    for (let step = 1; step <= steps; step++) this.#clear((this.#slice + step) % SLICES)
    this.#slice = Math.max(slice, this.#slice)
  }

  clear(): void {
    for (let at = 0; at < SLICES; at++) this.#clear(at)
  }

  #clear(at: number): void {
    this.total -= this.#totals[at] ?? 0
    this.failed -= this.#failures[at] ?? 0
    this.#totals[at] = 0
    this.#failures[at] = 0
  }
}
