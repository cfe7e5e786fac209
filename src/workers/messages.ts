import type { ListenerConfig, MeshConfig, RouteConfig, UpstreamConfig } from '../config/config.ts'
import type { LeavingLoads } from '../controlplane/draining/load.ts'
import type { Place } from '../dataplane/filters/places.ts'
import type { MemberUpdate } from '../dataplane/upstream/members.ts'
import type { UpstreamLoad } from '../dataplane/upstream/upstream-load.ts'
import type { LookupFailure } from '../dataplane/mesh/mesh.ts'
import type { ErrorCode } from '../errors.ts'
import type { LogOptions } from '../logging.ts'
import type { Sample } from '../metrics.ts'

/** Which of the workers one is, from 0, and of how many. */
export interface Part {
  readonly worker: number
  readonly of: number
}

/** An upstream as the control plane sees it. */
export interface UpstreamState {
  readonly config: UpstreamConfig
  /** null: the registry has not told them yet. */
  readonly members: readonly MemberUpdate[] | null
  /** Who is out for failing requests, by the endpoint's key: for how many ms more. */
  readonly ejected: Readonly<Record<string, number>>
}

/** Everything that a data plane serves by. */
export interface PlaneState {
  readonly generation: number
  readonly routes: readonly RouteConfig[]
  /** Those that config names. */
  readonly upstreams: readonly UpstreamState[]
  /** Those that the mesh has asked for. */
  readonly onDemand: readonly UpstreamState[]
  readonly mesh: MeshConfig
}

/** What filters of one worker have counted since it told last, for the same filters of the others. */
export interface Counted {
  readonly generation: number
  readonly counts: readonly (Place & { readonly numbers: Uint32Array })[]
}

/** How much of each limit of the cluster is this gateway's. */
export interface PartsMessage {
  readonly kind: 'parts'
  readonly generation: number
  /** `secret`: of a limit with a key, if it is known. */
  readonly parts: readonly (Place & { readonly ratio: number; readonly secret: readonly [number, number] | null })[]
}

/** Requests that limits of the cluster have seen since the last such message. */
export interface AskedMessage {
  readonly kind: 'asked'
  readonly generation: number
  readonly asked: readonly (Place & { readonly count: number })[]
}

export interface WorkerStart extends Part {
  readonly kind: 'start'
  /** The same for all: what filters tell keys apart by. */
  readonly secret: readonly [number, number]
  /** With their real addresses; the socket of the first is at {@link firstSocketFd}, the others follow. */
  readonly listeners: readonly ListenerConfig[]
  /** Which services are known by the addresses that calls come from. */
  readonly addresses: AddressesMessage['addresses']
  readonly logLevel: LogOptions['level']
  readonly accessLog: boolean
  readonly drainMs: number
  readonly state: PlaneState
}

/** Which service a call wants. */
export interface ServiceQuestion {
  /** In lower case. */
  readonly service: string
  /** Null: ours. */
  readonly datacenter: string | null
}

/** What a lookup by name has found, or why nothing. */
export type Found = { readonly upstream: UpstreamState } | { readonly failure: LookupFailure }

/** Which services are known by the addresses that calls come from. */
export interface AddressesMessage {
  readonly kind: 'addresses'
  readonly addresses: readonly (readonly [ip: string, service: string])[]
}

/** For how long what is known of the instances has been old, if answers are to tell, ms; null: they are not. */
export interface StaleMessage {
  readonly kind: 'stale'
  readonly forMs: number | null
}

/** What the primary tells a worker: plain data. */
export type ToWorker =
  | WorkerStart
  | { readonly kind: 'config'; readonly state: PlaneState }
  | { readonly kind: 'members'; readonly upstream: string; readonly members: readonly MemberUpdate[] }
  | { readonly kind: 'ejected'; readonly upstream: string; readonly endpoint: string; readonly forMs: number }
  | { readonly kind: 'forgotten'; readonly upstream: string }
  | { readonly kind: 'found'; readonly question: ServiceQuestion; readonly found: Found }
  | AddressesMessage
  | StaleMessage
  | { readonly kind: 'counted'; readonly counted: Counted }
  | PartsMessage
  | { readonly kind: 'report' }
  /** What is under way at instances that leave, by the members told so far? */
  | { readonly kind: 'leaving'; readonly question: number }
  /** From now on each answer ends its connection. */
  | { readonly kind: 'drain' }
  /** Stop accepting, end what is under way within `drainMs`, report, end. */
  | { readonly kind: 'close'; readonly drainMs: number }

/** The values of a data plane's metrics by their names. */
export type SampleTable = Readonly<Record<string, readonly Sample[]>>

export interface WorkerReport {
  readonly samples: SampleTable
  /** What each upstream has to do there, by its name. */
  readonly loads: Readonly<Record<string, UpstreamLoad>>
  /** Upstreams made on demand that have been called since the last report, or have something under way. */
  readonly called: readonly string[]
  readonly connections: number
  readonly inFlight: number
  readonly residentBytes: number
  readonly cpuMs: number
}

/** What a worker tells the primary: plain data. */
export type FromWorker =
  /** It listens and serves. */
  | { readonly kind: 'serving' }
  /** It cannot start. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'applied'; readonly generation: number }
  /** Endpoints that could not be reached or broke, by upstream: to be probed at once. */
  | { readonly kind: 'trouble'; readonly endpoints: readonly (readonly [upstream: string, endpoint: string])[] }
  | { readonly kind: 'ejected'; readonly upstream: string; readonly endpoint: string; readonly forMs: number }
  | { readonly kind: 'lookUp'; readonly question: ServiceQuestion }
  | { readonly kind: 'report'; readonly report: WorkerReport }
  | { readonly kind: 'leaving'; readonly question: number; readonly loads: LeavingLoads }
  | { readonly kind: 'counted'; readonly counted: Counted }
  | AskedMessage
  /** The last word. */
  | { readonly kind: 'ended' }
  /** Somebody has asked it to end: the primary is to start another one first. */
  | { readonly kind: 'leave' }

/** 0 to 2 are the standard streams, 3 is the channel to the primary. */
export const firstSocketFd = 4
