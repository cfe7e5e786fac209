import type { AttemptOwner, AttemptRequest } from './attempt.ts'
import type { Endpoint } from './endpoint.ts'
import { isFaultyStatus } from './faults.ts'
import type { ForwardingOptions } from './forwarding-options.ts'
import { HedgedAttempt } from './hedged-attempt.ts'
import type { HedgePolicy } from './policy.ts'

export interface HedgingDeps extends ForwardingOptions {
  readonly hedge: HedgePolicy
  readonly owner: AttemptOwner
  readonly requestNow: () => AttemptRequest
  /** Where the exchange has been tried; whoever is asked besides is added. */
  readonly tried: Endpoint[]
}

/** An attempt at `endpoint` that gets company at an untried one, paid for like a retry and counted. */
export function hedgedAttempt(endpoint: Endpoint, deps: HedgingDeps): HedgedAttempt {
  const { clock, policy, upstream, owner, requestNow } = deps
  return new HedgedAttempt({
    endpoint,
    afterMs: deps.hedge.afterMs,
    clock,
    owner,
    requestNow,
    another: () => another(deps),
    isGood: (status) => status < 500 && !isFaultyStatus(policy.retry.on, status),
    onLost: (lost, failure, status) => {
      if (failure) upstream.noteFailure(lost, failure)
      else upstream.noteAnswer(lost, { status, tookMs: 0 })
    },
  })
}

function another({ exchange, upstream, picker, policy, clock, tried }: HedgingDeps): Endpoint | null {
  if (tried.length >= policy.retry.attempts || policy.retry.budgetRatio === 0) return null
  const endpoint = picker.pick(exchange, tried)
  if (!endpoint || endpoint.isFull || tried.includes(endpoint) || !upstream.budget.spend(clock.thisTurn())) return null
  tried.push(endpoint)
  exchange.trace?.tries(endpoint.key)
  upstream.stats.attempts++
  upstream.stats.hedges++
  return endpoint
}
