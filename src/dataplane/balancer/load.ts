import type { Clock } from '../../clock.ts'
import type { Candidate } from './balancer.ts'

/** The attempts under way at a member for its weight; one that has failed lately seems to have more. */
export function loadOf({ endpoint: { inFlight, burden }, weight }: Candidate, clock: Clock): number {
  return (burden.isNone ? inFlight : inFlight + burden.valueAt(clock.monotonic())) / weight
}
