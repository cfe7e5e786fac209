import type { Random } from '../../clock.ts'
import type { RequestHead } from '../exchange.ts'

/** What a balancer may know of a member. Identity matters: the same endpoint is the same object from swap to swap of the list. */
export interface Candidate {
  readonly endpoint: {
    /** `host:port` */
    readonly key: string
    /** Attempts under way. */
    readonly inFlight: number
  }
  /** > 0 */
  readonly weight: number
}

/** Picks one of the eligible. It allocates nothing per pick and copes with a new list at any call. */
export interface Balancer {
  /** Returns null only for an empty list. */
  pick<C extends Candidate>(eligible: readonly C[], request: RequestHead): C | null
}

/** What one line of the balancer table holds. */
export interface BalancerKind {
  create(random: Random): Balancer
}
