import type { Address } from '../../address.ts'
import type { Endpoint } from './endpoint.ts'

/** Why an instance gets no traffic. */
export type Exclusion =
  | 'unprobed'
  | 'probe_failing'
  | 'registry_critical'
  | 'maintenance'
  | 'draining'
  | 'weight_zero'
  | 'ejected'

/** One instance as the control plane hands it over: plain data. */
export interface MemberUpdate {
  readonly id: string
  readonly address: Address
  /** ≥ 0 */
  readonly weight: number
  /** null: eligible. */
  readonly exclusion: Exclusion | null
  /** Why its probe fails, for people: `/healthz (HTTP 500)`. */
  readonly detail?: string | undefined
  readonly tags?: readonly string[]
  readonly meta?: Readonly<Record<string, string>>
  /** Whether it is in the gateway's own zone, or zones do not matter; absent: it is. */
  readonly isNear?: boolean
}

/** One instance of an upstream as the data plane holds it. */
export interface Member {
  readonly id: string
  readonly endpoint: Endpoint
  /** > 0 if eligible; less than the instance's own while it starts slowly. */
  readonly weight: number
  readonly exclusion: Exclusion | null
  /** Why its probe fails, for people. */
  readonly detail?: string | undefined
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly isNear: boolean
}

/** Immutable; replaced whole. */
export interface Members {
  readonly all: readonly Member[]
  readonly eligible: readonly Member[]
  /** Of the eligible those to choose from, near before far and before backup, with weights that say how much goes where. */
  readonly preferred: readonly Member[]
  /** Too few are fit, so that those who are said to be ill are called too. */
  readonly isPanicking: boolean
  /** False until the registry has answered for this upstream once. */
  readonly known: boolean
}
