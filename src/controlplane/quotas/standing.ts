import type { Quota } from '../../dataplane/filters/filter.ts'
import type { Place } from '../../dataplane/filters/places.ts'

/** Who has just been heard again has an equal part for so long, ms: those who were cut off with it come back within it too. */
export const JOINING_MS = 3_000

/** How this replica stands to the others at a moment. */
export interface Standing {
  /** Monotonic ms. */
  readonly now: number
  /** `together`: all know of each other; `joining`: we have just come, or come back, and not all know of us; `lapsed`: nobody hears us, and
   *  the others may still use what they had; `alone`: whoever lives is alone too. */
  readonly state: 'together' | 'joining' | 'lapsed' | 'alone'
}

/** This replica's share of a limit that the fleet keeps together. */
export interface FleetShare {
  readonly quota: Quota
  readonly place: Place
  /** Of the limit, 0 … 1. */
  readonly part: number
  /** What to tell the others with the next beat: plain data. */
  claim(standing: Standing): unknown
  /** Takes what the others tell, by replica, as it was read after our own claim was written. */
  hear(others: ReadonlyMap<string, unknown>, standing: Standing): void
  /** Nobody is heard. */
  fallBack(standing: Standing): void
}
