import type { Exclusion } from '../dataplane/upstream/members.ts'
import type { RegistryStatus } from '../registry/registry.ts'
import type { Transition } from './instance-history.ts'

/** One instance with our verdict, for people. */
export interface InstanceView {
  readonly id: string
  readonly address: string
  readonly weight: number
  readonly eligible: boolean
  /** It could get traffic, but others are called first: it is far, or a backup. */
  readonly standby: boolean
  /** null: none is known, or zones do not matter here. */
  readonly zone: string | null
  /** Why it gets no traffic; null if it does. `bad_address`: nothing can be called there. */
  readonly exclusion: Exclusion | 'bad_address' | null
  /** What is left of its time out for failing requests, ms; null: it is not. */
  readonly ejectedForMs: number | null
  /** Why it gets one request at a time on a connection, although its upstream allows more; null: it does not. */
  readonly pipeliningOff: string | null
  /** For what it is out for failing requests; null: it is not. */
  readonly ejectedFor: string | null
  readonly registry: RegistryStatus | 'static'
  /** The registry has dropped it, with too many others at once or just after an outage: it stays until our own probes agree. */
  readonly held: boolean
  /** When it began and ceased to get traffic, the latest first. */
  readonly history: readonly Transition[]
  readonly probe: {
    readonly state: string
    readonly detail: string
    readonly sinceMs: number
    /** The other replicas whose probes say so; none: this one's. */
    readonly by: readonly string[]
  }
}
