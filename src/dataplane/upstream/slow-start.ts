import type { Endpoint } from './endpoint.ts'

/** With so much of its weight an endpoint begins: with less, some balancers would give it nothing to warm up with. */
const FIRST_RATIO = 0.1

/** The weight grows in so many steps: each is a new list of members. */
const STEPS = 20

/** Lets the weight of an endpoint that becomes eligible grow linearly, so that a cold instance does not get a full share at once. */
export class SlowStart {
  #since: ReadonlyMap<Endpoint, number> = new Map()

  /** Takes who is eligible from `now` (monotonic ms) on; who was before keeps its time. */
  follow(eligible: readonly Endpoint[], now: number): void {
    this.#since = new Map(eligible.map((endpoint) => [endpoint, this.#since.get(endpoint) ?? now]))
  }

  /** The share of its weight that an endpoint has now, 0.1 … 1. */
  ratioOf(endpoint: Endpoint, overMs: number, now: number): number {
    const since = this.#since.get(endpoint)
    if (overMs === 0 || since === undefined) return 1
    return Math.min(1, Math.max(FIRST_RATIO, (now - since) / overMs))
  }

  /** When the next step is due, monotonic ms; Infinity: nobody is starting. */
  nextStepAt(overMs: number, now: number): number {
    for (const since of this.#since.values()) if (now - since < overMs) return now + overMs / STEPS
    return Infinity
  }
}
