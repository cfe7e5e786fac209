import type { Trial } from '../../dataplane/router/trial.ts'
import type { Exclusion } from '../../dataplane/upstream/members.ts'
import type { Where } from '../../dataplane/upstream/where.ts'
import type { Level } from './provenance.ts'

/** One value of a policy, and which level has set it. */
export interface PolicyValue {
  /** With its unit at the end: `timeouts.responseMs`. */
  readonly setting: string
  readonly value: unknown
  readonly from: Level
  /** Where it is written: `gateway.yaml:7:3`; null: it is built in. */
  readonly at: string | null
}

/** One route that was tried. */
export interface TriedRoute extends Trial {
  readonly route: string
  /** `gateway.yaml:7:3` */
  readonly at: string | null
}

/** One step of a route's filters. */
export interface FilterView {
  readonly kind: string
  /** `passed`: it lets the request go on; `replied`: no upstream is asked; `not run`: it counts, remembers, or asks others. */
  readonly outcome: 'passed' | 'replied' | 'not run'
  /** Of its reply; null: it gives none. */
  readonly status: number | null
}

/** One instance of a destination. */
export interface ExplainedInstance {
  readonly id: string
  readonly address: string
  readonly weight: number
  /** Why it gets no traffic; null: it may. */
  readonly exclusion: Exclusion | null
  /** More of the reason, for people. */
  readonly detail: string | null
  /** The other replicas whose probes decide; none: this one's, or nobody's. */
  readonly seenBy: readonly string[]
  /** It may, but others are called first. */
  readonly standby: boolean
  readonly inFlight: number
  /** How often the balancer picks it first, of all tries, 0 … 1. */
  readonly share: number
}

/** One destination of the route. */
export interface ExplainedDestination {
  readonly name: string
  readonly upstream: string
  readonly where: Where | null
  readonly weight: number
  /** How often the request goes there, of all tries, 0 … 1. */
  readonly share: number
  readonly balance: string
  readonly policy: readonly PolicyValue[]
  readonly instances: readonly ExplainedInstance[]
  /** What the request would be refused with now; null: it is sent. */
  readonly refusal: Refusal | null
}

/** Where the request would go if it came now; another one may go elsewhere. */
export interface Pick {
  /** As the split calls it. */
  readonly destination: string
  readonly upstream: string
  /** Its id; null: no instance can be picked. */
  readonly instance: string | null
  readonly address: string | null
}

export interface Refusal {
  readonly code: string
  readonly reason: string
}

/** Why a request goes where it goes. */
export interface Explanation {
  readonly request: {
    readonly method: string
    readonly host: string
    readonly path: string
    readonly query: string
    readonly client: string
  }
  /** Of the config that says so. */
  readonly generation: number
  /** The id of the revision that is part of it; null: none. */
  readonly revision: string | null
  /** The winner; null: no route takes the request. */
  readonly route: string | null
  /** In the order in which they win. */
  readonly tried: readonly TriedRoute[]
  /** Routes that were tried and are not listed, because nothing about them is near. */
  readonly untold: number
  /** Routes that would take the request if the winner were not there, the next one first. */
  readonly shadows: readonly string[]
  readonly filters: readonly FilterView[]
  /** The path behind the filters that were run. */
  readonly path: string
  readonly sticky: boolean
  readonly mirror: string | null
  /** Null: no upstream is asked. */
  readonly pick: Pick | null
  readonly destinations: readonly ExplainedDestination[]
  /** Why no upstream is asked at all; null: one is, or a filter replies. */
  readonly refusal: Refusal | null
}
