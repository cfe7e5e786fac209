import type { z } from 'zod'
import type { Clock, Random } from '../../clock.ts'
import type { Asker } from '../exchange.ts'
import type { Burden } from './burden.ts'
import type { Latency } from './latency.ts'

/** What a balancer may know of a member. Identity matters: the same endpoint is the same object from swap to swap of the list. */
export interface Candidate {
  readonly endpoint: {
    /** `host:port` */
    readonly key: string
    /** Attempts under way. */
    readonly inFlight: number
    readonly latency: Latency
    /** Its failures lately. */
    readonly burden: Burden
  }
  /** > 0 */
  readonly weight: number
}

/** Picks one of the eligible. It allocates nothing per pick and copes with a new list at any call. */
export interface Balancer {
  /** Returns null only for an empty list. */
  pick<C extends Candidate>(eligible: readonly C[], asker: Asker): C | null
  /** The same for another attempt, among those that are left; absent: as `pick`. What goes by turns must not take one here: retries would
   *  move the turns of those that fail together until they stand behind each other, where the next retry goes. */
  pickAgain?<C extends Candidate>(untried: readonly C[]): C | null
  /** Keeps what picks among these change; the function that is returned puts it back. Absent: a pick changes nothing. */
  save?(eligible: readonly Candidate[]): () => void
}

export interface BalancerDeps {
  readonly clock: Clock
  readonly random: Random
}

/** What one line of the balancer table holds: the schema of the options (`balance: { kind: options }`) and the maker. */
export interface BalancerKind<Options> {
  /** Takes `{}`, since `balance: kind` alone is enough; parsing what it has parsed gives the same again. */
  readonly options: z.ZodType<Options>
  create(options: Options, deps: BalancerDeps): Balancer
}

/** A balancer of an upstream as config: plain data. */
export interface BalancerSpec {
  readonly kind: string
  readonly options: unknown
}
