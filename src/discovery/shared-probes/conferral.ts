import type { Checker } from '../../health/checker.ts'
import type { HealthPolicy } from '../../health/policy.ts'
import { hasPassed, type Finding } from './finding.ts'

/** For so many intervals after another observer has decided, one probe of ours that says the same is enough. */
const AGREE_INTERVALS = 2

type Words = ReadonlyMap<string, Finding>
type OwnView = Pick<Checker, 'state' | 'wavers'>
type Rhythm = Pick<HealthPolicy, 'everyMs'>

/** What the observers of one instance make of each other's words, so that they come to one verdict as soon as one of them would alone. */
export class Conferral {
  #rousedSince = -Infinity
  /** Monotonic ms since when another observer has another verdict than we; null: none has. */
  #disagreeSince: number | null = null

  /**
   * The verdict of another observer that holds for us too, since our own last probe says the same; null: there is none. When the two have
   * disagreed for long, one of them is cut off from the instance, and one failure more is no reason to believe it.
   */
  adopted(words: Words, own: OwnView, { everyMs, now }: Rhythm & { readonly now: number }): Finding['verdict'] | null {
    const other = own.state === 'unknown' ? undefined : [...words.values()].find(({ verdict }) => verdict !== own.state)
    this.#disagreeSince = other ? (this.#disagreeSince ?? now) : null
    if (!other || !own.wavers || now - (this.#disagreeSince ?? now) > AGREE_INTERVALS * everyMs) return null
    this.#disagreeSince = null
    return other.verdict
  }

  /** Whether another observer sees something else than we did, so that we should look at once; not more than once in an interval. */
  isRoused(words: Words, { state, wavers }: OwnView, { everyMs, now }: Rhythm & { readonly now: number }): boolean {
    if (state === 'unknown' || now - this.#rousedSince < everyMs) return false
    const own = { verdict: state, wavers }
    const isNews = [...words.values()].some((word) => word.verdict !== state || hasPassed(word) !== hasPassed(own))
    if (isNews) this.#rousedSince = now
    return isNews
  }
}
