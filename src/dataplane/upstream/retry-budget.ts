/** Retries that requests have earned are kept up to so many. */
const MOST_EARNED = 500

/** A service with little traffic gets so many all the same, and so many at once. */
const GRANTED_PER_SECOND = 1
const MOST_GRANTED = 10

/**
 * Bounds the retries of an upstream by a share of its requests: when everything fails, retries must not multiply the load. Each request
 * earns the share, each retry costs one. Where requests are few, time grants some. Source: Finagle, `RetryBudget`.
 */
export class RetryBudget {
  #earned = 0
  #granted = MOST_GRANTED
  #grantedAt = -Infinity

  /** Takes a request; `ratio` ≥ 0 is the share of retries that requests may have. */
  earn(ratio: number): void {
    this.#earned = Math.min(MOST_EARNED, this.#earned + ratio)
  }

  /** How many retries there could be at once, `now` in monotonic ms. */
  left(now: number): number {
    return Math.max(0, Math.floor(Math.max(this.#earned, this.#grantedBy(now))))
  }

  /** Takes a retry out, `now` in monotonic ms; false: there is none left. */
  spend(now: number): boolean {
    this.#granted = this.#grantedBy(now)
    this.#grantedAt = now
    if (this.#earned < 1 && this.#granted < 1) return false
    // Out of both, so that the larger of the two holds and not their sum: what time grants is a loan while requests earn.
    this.#earned = Math.max(-MOST_GRANTED, this.#earned - 1)
    this.#granted = Math.max(0, this.#granted - 1)
    return true
  }

  #grantedBy(now: number): number {
    return Math.min(MOST_GRANTED, this.#granted + ((now - this.#grantedAt) / 1000) * GRANTED_PER_SECOND)
  }
}
