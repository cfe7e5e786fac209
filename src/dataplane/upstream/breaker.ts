import { isFault, isFaultyStatus } from './faults.ts'
import type { Outcome } from './outcome.ts'
import type { BreakerPolicy } from './policy.ts'
import { RollingCounts } from './rolling-counts.ts'

/** `closed`: requests pass; `open`: none does; `half_open`: a few are to show whether the upstream has recovered. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/** So soon it is worth to come again while others are trying, ms. */
const TRYING_MS = 1_000

/**
 * Leaves an upstream alone that fails too often. It judges exchanges and not attempts, so that an upstream of which half the instances are
 * dead stays in use while retries make up for them. All times are monotonic ms. Source of the idea: Nygard, "Release It!".
 */
export class Breaker {
  readonly policy: BreakerPolicy
  /** Called at each change of state. */
  readonly #onChange: (state: BreakerState) => void
  readonly #counts: RollingCounts
  #state: BreakerState = 'closed'
  /** Counts states: who was let in during another one says nothing about this one. */
  #term = 0
  #changedAt = 0
  #trials = 0
  #passed = 0
  /** How often it has opened. */
  opened = 0

  constructor(policy: BreakerPolicy, onChange: (state: BreakerState) => void) {
    this.policy = policy
    this.#onChange = onChange
    this.#counts = new RollingCounts(policy.windowMs)
  }

  /** To be given back with {@link settle}. */
  get term(): number {
    return this.#term
  }

  get state(): BreakerState {
    return this.#state
  }

  /** What counts at present; while it is open, what has opened it. */
  get counts(): Pick<RollingCounts, 'total' | 'failed' | 'failedRatio'> {
    return this.#counts
  }

  /** After how many ms requests may pass again; 0: they may. */
  waitMs(now: number): number {
    return this.#state === 'open' ? Math.max(0, this.#changedAt + this.policy.openMs - now) : 0
  }

  /** Lets a request in: null. Or says after how many ms to come again. */
  admit(now: number): number | null {
    if (this.#state === 'closed') return null
    if (this.#state === 'open') {
      const waitMs = this.waitMs(now)
      if (waitMs > 0) return waitMs
      this.#become('half_open', now)
    }
    // Trials that take too long must not keep it half open for ever.
    if (this.#trials === 0 && now - this.#changedAt >= this.policy.openMs) this.#become('half_open', now)
    if (this.#trials === 0) return TRYING_MS
    this.#trials--
    return null
  }

  /** Takes how an exchange ended that was let in during `term`. */
  settle(term: number, outcome: Outcome, now: number): void {
    if (term !== this.#term) return
    const isFailure = this.#judge(outcome)
    if (this.#state === 'closed') return this.#count(isFailure, now)
    if (isFailure === null) this.#trials++
    else if (isFailure) this.#become('open', now)
    else if (++this.#passed >= this.policy.trials) this.#become('closed', now)
  }

  #count(isFailure: boolean | null, now: number): void {
    if (isFailure === null) return
    const { minRequests, failureRatio } = this.policy
    this.#counts.add(isFailure, now)
    if (isFailure && this.#counts.total >= minRequests && this.#counts.failedRatio >= failureRatio) this.#become('open', now)
  }

  /** Null: it says nothing about the upstream. */
  #judge({ failure, status }: Outcome): boolean | null {
    const { on } = this.policy
    if (!failure) return isFaultyStatus(on, status)
    return isFault(on, failure.code) ? true : null
  }

  #become(state: BreakerState, now: number): void {
    const before = this.#state
    this.#state = state
    this.#term++
    this.#changedAt = now
    this.#trials = this.policy.trials
    this.#passed = 0
    if (state === 'open') this.opened++
    if (state === 'closed') this.#counts.clear()
    if (state !== before) this.#onChange(state)
  }
}
