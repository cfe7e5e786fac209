import type { Quota } from '../../dataplane/filters/filter.ts'
import type { Place } from '../../dataplane/filters/places.ts'
import { claimText, partByDemand, readClaim, roomBeside, type Claim } from './parts.ts'
import { JOINING_MS, type FleetShare, type Standing } from './standing.ts'

/** How much of the demand of the last beat counts; the rest is that of the beats before. */
const FRESH_RATIO = 0.5
/** Nobody's part is nothing: his next request tells that he wants one. */
const LEAST_PART = 0.0005

/**
 * This replica's part of one limit. It claims a part with its beat, reads what the others claim, and uses no more than is left: of two who
 * claim at once, one at least sees the other's claim, so what all use together is never more than the limit (docs/decisions/0037).
 */
export class DividedQuota implements FleetShare {
  readonly quota: Quota
  readonly place: Place
  readonly #since: number
  #part = 1
  #claimed = 1
  #demand: number | null = null
  #askedSince: number
  /** Replicas that had a part when we were last heard, ourselves included. */
  #replicas = 1
  #others: readonly Claim[] = []
  /** Whether we have an equal part, since not all know of all. */
  #isEqual = true
  /** Whether parts have followed the demand before. */
  #hasDivided = false

  /** `replicas`: those that live, which will have this limit too, or have it already. */
  constructor(
    quota: Quota,
    { place, now, replicas }: { readonly place: Place; readonly now: number; readonly replicas: number },
  ) {
    this.quota = quota
    this.place = place
    this.#since = now
    this.#askedSince = now
    this.#replicas = replicas
    this.#use(1 / replicas)
  }

  get part(): number {
    return this.#part
  }

  /** A smaller part than now is in force before it is told. */
  claim({ now }: Standing): unknown {
    const demand = this.#measure(now)
    const isEqual = this.#isEqual
    const claimed = roundedDown(isEqual ? 1 / this.#replicas : partByDemand(demand, this.#others))
    this.#claimed = claimed
    if (!isEqual && claimed < this.#part) this.#use(claimed)
    return claimText({ claimed, demand, isEqual }, this.quota.perSecond)
  }

  hear(told: ReadonlyMap<string, unknown>, { now, state }: Standing): void {
    const others = [...told.values()].flatMap((written) => readClaim(written, this.quota.perSecond) ?? [])
    this.#others = others
    // Who comes back counts those who were there before: they come back too, and until then have equal parts. When all are heard, all is known.
    const isMissing = !this.#hasDivided || others.length + 1 < this.#replicas
    this.#isEqual = now < this.#since + JOINING_MS || (state === 'joining' && isMissing)
    this.#replicas = this.#isEqual ? Math.max(this.#replicas, others.length + 1) : others.length + 1
    const equal = 1 / this.#replicas
    // Who has just come is not to refuse its first requests; who comes back goes on with what it had.
    if (this.#isEqual) return this.#use(this.#hasDivided ? Math.min(this.#part, equal) : equal)
    this.#hasDivided = true
    // What we had and still claim is ours; only who takes more has to see whether it is there.
    const kept = Math.min(this.#part, this.#claimed)
    this.#use(Math.max(kept, Math.min(this.#claimed, roomBeside(others))))
  }

  fallBack({ state }: Standing): void {
    const equal = 1 / this.#replicas
    this.#isEqual = true
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
