import type { Clock } from '../../clock.ts'
import type { Quota, QuotaKeys } from '../../dataplane/filters/filter.ts'
import type { Place } from '../../dataplane/filters/places.ts'
import { heaviestOf, readTold, toldText } from './heavy-keys.ts'
import type { FleetShare, Standing } from './standing.ts'

/** Of so many beats each one tells, since a reader may miss some between two readings. */
const BEATS_TOLD = 4
/** Keys are told that take more in a beat than this share of their equal part. */
const TOLD_RATIO = 1 / 8

/** One beat's telling: its number, and what keys have taken. */
type Telling = readonly [number: number, told: string]

/**
 * A limit of which each key has the whole. Every replica grants it in full, tells the others what heavy keys have taken, and takes from its own
 * buckets what they tell: who uses several replicas gets the limit in the long run, who stays with one gets it as from a single gateway.
 * Where nobody is heard, each replica grants an equal part.
 */
export class KeyedQuota implements FleetShare {
  readonly quota: Quota
  readonly place: Place
  readonly #keys: QuotaKeys
  #part = 1
  #replicas = 1
  #number: number
  #tellings: readonly Telling[] = []
  /** The number of the last telling that we have taken, by replica. */
  #taken: ReadonlyMap<string, number> = new Map()
  #measuredSince: number

  constructor(quota: Quota, { place, keys, clock }: { readonly place: Place; readonly keys: QuotaKeys; readonly clock: Clock }) {
    this.quota = quota
    this.place = place
    this.#keys = keys
    this.#measuredSince = clock.monotonic()
    // A process that takes the place of one of the same name goes on with greater numbers: it does not beat once a millisecond.
    this.#number = clock.now()
  }

  get part(): number {
    return this.#part
  }

  claim({ now }: Standing): unknown {
    const seconds = (now - this.#measuredSince) / 1000
    this.#measuredSince = now
    const least = (this.quota.perSecond * seconds * TOLD_RATIO) / this.#replicas
    const told = heaviestOf(this.#keys.take(), least)
    this.#number++
    if (told.length > 0) this.#tellings = [...this.#tellings, [this.#number, toldText(told)] as const]
    this.#tellings = this.#tellings.filter(([number]) => number > this.#number - BEATS_TOLD)
    return this.#tellings
  }

  hear(others: ReadonlyMap<string, unknown>): void {
    this.#replicas = others.size + 1
    const taken = [...others].map(([replica, tellings]) => {
      const last = this.#taken.get(replica) ?? -Infinity
      return [replica, this.#take(Array.isArray(tellings) ? tellings : [], last)] as const
    })
    this.#taken = new Map(taken)
    this.#use(1)
  }

  fallBack(): void {
    this.#use(1 / this.#replicas)
  }

  /** Gives the number of the last one. */
  #take(written: readonly unknown[], before: number): number {
    const tellings = written.flatMap((telling) => readTelling(telling) ?? [])
    // So far back is only a process that took the place of the other one, on a clock that had been set back.
    const isAnother = tellings.every(({ number }) => number <= before - BEATS_TOLD)
    const last = isAnother && tellings.length > 0 ? -Infinity : before
    const fresh = tellings.filter(({ number }) => number > last)
    for (const { told } of fresh) this.#keys.add(told)
    return Math.max(last, ...fresh.map(({ number }) => number))
  }

  #use(part: number): void {
    if (part === this.#part) return
    this.#part = part
    this.quota.setPart(part)
  }
}

/** Null: it makes no sense. */
function readTelling(written: unknown): { readonly number: number; readonly told: Uint32Array } | null {
  const [number, text] = Array.isArray(written) ? (written as unknown[]) : []
  const told = readTold(text)
  return typeof number === 'number' && told ? { number, told } : null
}
