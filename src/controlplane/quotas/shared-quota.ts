import type { Quota } from '../../dataplane/filters/filter.ts'
import type { Place } from '../../dataplane/filters/places.ts'
import { partByDemand, roomBeside, type Claim } from './parts.ts'

/** How much of the demand of the last beat counts; the rest is that of the beats before. */
const FRESH_RATIO = 0.5
/** Nobody's part is nothing: his next request tells that he wants one. */
const LEAST_PART = 0.0005

/** How this replica stands to the others at a moment. */
export interface Standing {
  /** Monotonic ms. */
  readonly now: number
  /** `together`: parts follow the demand; `joining`: we have just come, or come back, and not all know of us; `lapsed`: nobody hears us, and
   *  the others may still use what they had; `alone`: whoever lives is alone too. */
  readonly state: 'together' | 'joining' | 'lapsed' | 'alone'
}

/**
 * This replica's part of one limit. It claims a part with its beat, reads what the others claim, and uses no more than is left: of two who
 * claim at once, one at least sees the other's claim, so what all use together is never more than the limit (docs/decisions/0037).
 */
export class SharedQuota {
  readonly quota: Quota
  readonly place: Place
  /** Monotonic ms of the time from which we have had this limit. */
  readonly since: number
  #part = 1
  #claimed = 1
  #demand: number | null = null
  #askedSince: number
  /** Replicas that had a part when we were last heard, ourselves included. */
  #replicas = 1
  #others: readonly Claim[] = []

  /** `replicas`: those that live, which will have this limit too, or have it already. */
  constructor(
    quota: Quota,
    { place, now, replicas }: { readonly place: Place; readonly now: number; readonly replicas: number },
  ) {
    this.quota = quota
    this.place = place
    this.since = now
    this.#askedSince = now
    this.#replicas = replicas
    this.#use(1 / replicas)
  }

  /** Of the limit, 0 … 1. */
  get part(): number {
    return this.#part
  }

  /** What to tell the others with the next beat. A smaller part than now is in force before it is told. */
  claim({ now, state }: Standing): Claim {
    const demand = this.#measure(now)
    const isEqual = this.quota.isKeyed || state !== 'together'
    const claimed = roundedDown(isEqual ? 1 / this.#replicas : partByDemand(demand, this.#others))
    this.#claimed = claimed
    if (!isEqual && claimed < this.#part) this.#use(claimed)
    return { claimed, demand, isEqual }
  }

  /** Takes what the others claim, as it was read after our own claim was written. */
  hear(others: readonly Claim[], { state }: Standing): void {
    this.#others = others
    // Who comes back counts those who were there before: they come back too.
    this.#replicas = state === 'joining' ? Math.max(this.#replicas, others.length + 1) : others.length + 1
    if (this.quota.isKeyed || state === 'joining') return this.#use(1 / this.#replicas)
    // What we had and still claim is ours; only who takes more has to see whether it is there.
    const kept = Math.min(this.#part, this.#claimed)
    this.#use(Math.max(kept, Math.min(this.#claimed, roomBeside(others))))
  }

  /** Nobody is heard. */
  fallBack({ state }: Standing): void {
    const equal = 1 / this.#replicas
    this.#use(state === 'lapsed' ? Math.min(this.#part, equal) : equal)
  }

  #measure(now: number): number {
    const seconds = Math.max(now - this.#askedSince, 1) / 1000
    this.#askedSince = now
    const fresh = this.quota.takeAsked() / seconds / this.quota.perSecond
    this.#demand = this.#demand === null ? fresh : FRESH_RATIO * fresh + (1 - FRESH_RATIO) * this.#demand
    return this.#demand
  }

  #use(part: number): void {
    const next = Math.min(1, Math.max(part, LEAST_PART))
    if (next === this.#part) return
    this.#part = next
    this.quota.setPart(next)
  }
}

/** What we use is never more than what the others read. */
function roundedDown(part: number): number {
  return Math.floor(part * 10_000) / 10_000
}
