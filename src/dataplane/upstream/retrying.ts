import { fullJitterMs, type BackoffOptions } from '../../backoff.ts'
import type { Clock, Random } from '../../clock.ts'
import type { ErrorCode } from '../../errors.ts'
import type { HeaderList } from '../exchange.ts'
import { fieldOf } from '../../http1/field.ts'
import { parseRetryAfterMs } from '../http/retry-after.ts'
import { isFault } from './faults.ts'
import type { RetryPolicy } from './policy.ts'
import type { RetryBudget } from './retry-budget.ts'

/** How an exchange stands when an attempt has not succeeded. */
export interface Standing {
  /** Attempts so far, ≥ 1. */
  readonly attempts: number
  /** Whether the upstream may have seen the request. */
  readonly sent: boolean
  /** Whether repeating changes nothing (RFC 9110 §9.2.2) and the body can be sent again. */
  readonly isRepeatable: boolean
  /** Monotonic ms; after that nobody waits any more. */
  readonly answerBy: number
}

export interface RetryingDeps {
  readonly clock: Clock
  readonly random: Random
  readonly budget: RetryBudget
}

/** In how many ms an exchange is tried again after a failure; null: it is not. */
export function retryAfterFailure(code: ErrorCode, standing: Standing, policy: RetryPolicy, deps: RetryingDeps): number | null {
  if (standing.attempts >= policy.attempts) return null
  if (!standing.sent) return retryUnseen(code, standing, policy, deps)
  return isFault(policy.on, code) ? retrySeen(0, standing, policy, deps) : null
}

/** In how many ms an exchange is tried again after an answer that is a failure by its status; null: the answer goes to the client. */
export function retryAfterAnswer(
  headers: HeaderList,
  standing: Standing,
  policy: RetryPolicy,
  deps: RetryingDeps,
): number | null {
  if (standing.attempts >= policy.attempts) return null
  const wantedMs = parseRetryAfterMs(fieldOf(headers, 'retry-after'), deps.clock.now()) ?? 0
  // An upstream that wants to be left alone for longer is.
  return wantedMs > policy.retryAfterMs ? null : retrySeen(wantedMs, standing, policy, deps)
}

/** What no upstream has seen is safe to repeat and adds to nobody's load: it needs no budget, and the first time no pause. */
function retryUnseen(code: ErrorCode, { attempts }: Standing, policy: RetryPolicy, { random }: RetryingDeps): number | null {
  if (code !== 'upstream_overloaded' && !isFault(policy.on, code)) return null
  return attempts === 1 ? 0 : fullJitterMs(attempts - 2, random, backoffOf(policy))
}

function retrySeen(leastMs: number, standing: Standing, policy: RetryPolicy, deps: RetryingDeps): number | null {
  if (!standing.isRepeatable || policy.budgetRatio === 0) return null
  const delayMs = Math.max(leastMs, fullJitterMs(standing.attempts - 1, deps.random, backoffOf(policy)))
  const now = deps.clock.thisTurn()
  return now + delayMs < standing.answerBy && deps.budget.spend(now) ? delayMs : null
}

function backoffOf({ backoffMs, maxBackoffMs }: RetryPolicy): BackoffOptions {
  return { baseMs: backoffMs, maxMs: maxBackoffMs }
}
