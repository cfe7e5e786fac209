import type { HealthPolicy } from './policy.ts'
import type { HealthState, Verdict } from './state.ts'

/** An endpoint that falls again within so many intervals after it came back is bouncing. */
const BOUNCE_INTERVALS = 10

type Rhythm = Pick<HealthPolicy, 'everyMs' | 'everyRisingMs' | 'timeoutMs' | 'healthy'>

/**
 * How soon a failing endpoint that has passed is looked at again. The passes that `healthy` asks for are to show that the first one was no
 * accident; that need not take intervals, or whoever is well again stays out for as many of them. One that bounces has shown that it has
 * accidents: it has to pass on schedule.
 */
export class Rise {
  #backAt = -Infinity
  #bounces = false

  /** Takes notice of a change of the verdict, at a time in monotonic ms. */
  note(verdict: Verdict, now: number, { everyMs }: Rhythm): void {
    if (verdict === 'healthy') this.#backAt = now
    else this.#bounces = now - this.#backAt < BOUNCE_INTERVALS * everyMs
  }

  /** ms from one pass to the next look at it; null: it has not passed, or has to wait for the schedule. */
  nextInMs({ verdict, against }: HealthState, { everyRisingMs, timeoutMs, healthy }: Rhythm): number | null {
    if (verdict !== 'unhealthy' || against === 0) return null
    if (everyRisingMs !== null) return everyRisingMs
    return this.#bounces ? null : timeoutMs / healthy
  }
}
