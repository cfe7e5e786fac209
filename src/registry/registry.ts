import type { Readable } from 'node:stream'
import type { Address } from '../address.ts'
import type { GatewayError } from '../errors.ts'

/** What the registry says of an instance; the worst of its checks and its node's. */
export type RegistryStatus = 'passing' | 'warning' | 'critical' | 'maintenance'

/** One instance of a service, as the registry lists it. */
export interface Instance {
  readonly id: string
  readonly service: string
  readonly node: string
  readonly nodeMeta: Readonly<Record<string, string>>
  /** As it was registered; nobody has checked whether it can be called. */
  readonly address: Address
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  /** `Weights.Passing`, or `Weights.Warning` while the status is warning; ≥ 0. */
  readonly weight: number
  readonly status: RegistryStatus
}

/** Both are called from a fresh turn of the loop, never from inside the call that started the watch. */
export interface WatchListener<T> {
  /**
   * The present value: once at first success, then on each change. An empty list is a fact, not an error. `isRemembered`: it is what a
   * former process was told, since the registry has not answered this one yet.
   */
  onValue(value: T, isRemembered?: boolean): void
  /** A read failed; the last value stays valid, the watch goes on by itself with backoff. */
  onError(error: GatewayError): void
}

export interface Watch {
  /** Monotonic ms of the last successful answer; null before the first. */
  readonly freshSince: number | null
  close(): void
}

export interface KvEntry {
  readonly key: string
  readonly value: Buffer
  readonly flags: bigint
  readonly session: string | null
  readonly lockIndex: bigint
  readonly createIndex: bigint
  readonly modifyIndex: bigint
}

/** At most one of the three; false is the registry's "no", an error is thrown. */
export interface KvWriteOptions {
  /** Write only if the entry's modifyIndex is this; 0n: only if absent. */
  readonly cas?: bigint
  /** Take the lock for this session. */
  readonly acquire?: string
  /** Give the lock of this session back; the value is written too. */
  readonly release?: string
}

export interface Kv {
  /** Null if absent. */
  get(key: string): Promise<KvEntry | null>
  list(prefix: string): Promise<readonly KvEntry[]>
  /** The keys below a prefix, without their values. */
  keys(prefix: string): Promise<readonly string[]>
  put(key: string, value: string | Uint8Array, options?: KvWriteOptions): Promise<boolean>
  delete(key: string, options?: { readonly cas?: bigint }): Promise<boolean>
}

export interface SessionOptions {
  readonly name: string
  /** 10 000 … 86 400 000. */
  readonly ttlMs: number
  readonly lockDelayMs: number
  readonly behavior: 'release' | 'delete'
}

/** A session that renews itself until it is closed or lost. */
export interface Session {
  readonly id: string
  /**
   * Monotonic ms until which the session surely lives on the registry: the moment the last successful renewal was *sent*, plus the TTL.
   */
  readonly aliveUntil: number
  /** Aborts, with a `session_lost` error as reason, when the registry says that the session is gone or when `aliveUntil` has passed. */
  readonly lost: AbortSignal
  /** Ends the session on the registry; never throws. */
  close(): Promise<void>
}

/** What we register of ourselves, and of the static services in the config. */
export interface Registration {
  readonly id: string
  readonly name: string
  readonly address: Address
  readonly tags?: readonly string[]
  readonly meta?: Readonly<Record<string, string>>
  readonly check?:
    | { readonly kind: 'ttl'; readonly ttlMs: number; readonly deregisterAfterMs: number }
    | { readonly kind: 'http'; readonly url: string; readonly everyMs: number; readonly timeoutMs: number }
    | { readonly kind: 'tcp'; readonly address: Address; readonly everyMs: number; readonly timeoutMs: number }
}

/** Which datacenters the registry knows, and which of them is asked when none is named (null: we are not allowed to know). */
export interface Datacenters {
  readonly own: string | null
  readonly all: readonly string[]
}

/** How the registry does, for readiness and metrics. */
export interface RegistryContact {
  /** Monotonic ms of the last answer that made sense; null before the first. */
  readonly freshSince: number | null
  /** The last failure, if nothing succeeded since. */
  readonly lastError: GatewayError | null
}

/** The port through which everything else sees a registry. All promises reject with a GatewayError (`registry_…`). */
export interface Registry {
  readonly contact: RegistryContact
  /** `datacenter` absent: the one that the registry is asked for otherwise, too. */
  watchInstances(service: string, listener: WatchListener<readonly Instance[]>, datacenter?: string): Watch
  /** The names of all services. */
  watchServices(listener: WatchListener<readonly string[]>, datacenter?: string): Watch
  datacenters(): Promise<Datacenters>
  watchPrefix(prefix: string, listener: WatchListener<readonly KvEntry[]>): Watch
  readonly kv: Kv
  openSession(options: SessionOptions): Promise<Session>
  register(registration: Registration): Promise<void>
  deregister(id: string): Promise<void>
  /** Tells the TTL check of a registration of ours that it is fine, or why not. */
  reportHealth(id: string, status: 'passing' | 'critical', note: string): Promise<void>
  /** Takes an instance out, also one that somebody else registered on another node. */
  removeInstance(instance: Pick<Instance, 'id' | 'node'>): Promise<void>
  /** The meta of the node on which the registry runs that is asked. */
  ownNodeMeta(): Promise<Readonly<Record<string, string>>>
  /** Every instance of every service that is critical (not in maintenance) now; since when, the caller keeps. */
  criticalInstances(): Promise<readonly Instance[]>
  /** All that the registry knows, as `meshgate registry restore` takes it (Consul: `/v1/snapshot`). A cut one ends with an error. */
  snapshot(signal: AbortSignal): Promise<Readable>
  /** Ends watches, sessions and connections. */
  close(): Promise<void>
}
