import type { Balancer } from '../balancer/balancer.ts'
import type { Asker, Failure } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'
import type { Member } from './members.ts'

/** Where attempts may go: an upstream, or a part of it. */
export interface Picker {
  /** Who can be picked; replaced whole. */
  readonly eligible: readonly Member[]
  /** The endpoint for the next attempt: not one that was tried, as long as there is another. Null: no member is eligible. */
  pick(asker: Asker, tried: readonly Endpoint[]): Endpoint | null
  /** Why {@link pick} finds nobody. */
  whyNone(): Failure
}

/** Picks from a list, from the untried first. */
export function pickUntried(
  balancer: Balancer,
  eligible: readonly Member[],
  asker: Asker,
  tried: readonly Endpoint[],
): Endpoint | null {
  if (tried.length === 0) return balancer.pick(eligible, asker)?.endpoint ?? null
  const untried = eligible.filter(({ endpoint }) => !tried.includes(endpoint))
  // Asking for its turn would give the next first attempt to the endpoint that has just failed.
  if (untried.length === 1) return untried[0]?.endpoint ?? null
  return balancer.pick(untried.length > 0 ? untried : eligible, asker)?.endpoint ?? null
}
