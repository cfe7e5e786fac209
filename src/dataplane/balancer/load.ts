import type { Clock } from '../../clock.ts'
import type { Candidate } from './balancer.ts'

/** The attempts under way at a member for its weight; one that has failed lately seems to have more. */
export function loadOf({ endpoint, weight }: Candidate, clock: Clock): number {
  return (endpoint.burden.isNone ? endpoint.inFlight : burdenedAt(endpoint, clock.thisTurn())) / weight
}

/** The attempts under way at an endpoint and its failures of late, at a time in monotonic ms. */
export function burdenedAt({ inFlight, burden }: Candidate['endpoint'], now: number): number {
  return inFlight + burden.valueAt(now)
}
