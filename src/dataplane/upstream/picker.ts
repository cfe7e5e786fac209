import type { Balancer } from '../balancer/balancer.ts'
import type { Asker, Failure } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'
import type { Member, Members } from './members.ts'

/** Where attempts may go: an upstream, or a part of it. */
export interface Picker {
  /** Who can be picked; replaced whole. */
  readonly eligible: readonly Member[]
  /** The endpoint for the next attempt: not one that was tried, as long as there is another. Null: no member is eligible. */
  pick(asker: Asker, tried: readonly Endpoint[]): Endpoint | null
  /** Whom it would pick for a first attempt now; nothing changes by it. */
  tryOut(asker: Asker): Endpoint | null
  /** Why {@link pick} finds nobody. */
  whyNone(): Failure
}

type Choice = Pick<Members, 'preferred' | 'eligible'>

/** Picks from the preferred, from the untried first; of those that are not preferred too, once all that are have been tried. One that is
 *  busy is picked only if all are. */
export function pickUntried(balancer: Balancer, choice: Choice, asker: Asker, tried: readonly Endpoint[]): Endpoint | null {
  const picked = pickFrom(balancer, choice, asker, tried)
  if (!picked?.isBusy) return picked
  const eligible = choice.eligible.filter(hasRoom)
  if (eligible.length === 0) return picked
  const preferred = choice.preferred.filter(hasRoom)
  return pickFrom(balancer, { preferred: preferred.length > 0 ? preferred : eligible, eligible }, asker, tried)
}

/** Picks for a first attempt and puts back what that has changed. */
export function tryPick(balancer: Balancer, choice: Choice, asker: Asker): Endpoint | null {
  const putBack = balancer.save?.([...choice.eligible, ...choice.preferred])
  const picked = pickUntried(balancer, choice, asker, [])
  putBack?.()
  return picked
}

function hasRoom({ endpoint }: Member): boolean {
  return !endpoint.isBusy
}

function pickFrom(
  balancer: Balancer,
  { preferred, eligible }: Choice,
  asker: Asker,
  tried: readonly Endpoint[],
): Endpoint | null {
  if (tried.length === 0) return balancer.pick(preferred, asker)?.endpoint ?? null
  const isUntried = ({ endpoint }: Member): boolean => !tried.includes(endpoint)
  const near = preferred.filter(isUntried)
  const untried = near.length > 0 ? near : eligible.filter(isUntried)
  // Asking for its turn would give the next first attempt to the endpoint that has just failed.
  if (untried.length === 1) return untried[0]?.endpoint ?? null
  if (untried.length > 0 && balancer.pickAgain) return balancer.pickAgain(untried)?.endpoint ?? null
  return balancer.pick(untried.length > 0 ? untried : preferred, asker)?.endpoint ?? null
}
