import type { BalancerSpec } from '../balancer/balancer.ts'
import type { Faults } from './faults.ts'
import type { OutlierPolicy } from './outliers.ts'
import type { PreferencePolicy } from './preference.ts'

/** How long an attempt or an exchange may take, ms. */
export interface Timeouts {
  /** To open a connection to an endpoint. */
  readonly connectMs: number
  /** From the moment the request is sent to the head of the response, all attempts together; also the longest wait for a free connection. */
  readonly responseMs: number
  /** Without one byte in either direction while a body is under way; also of a tunnel. */
  readonly idleMs: number
  /** Like `responseMs`, of a single attempt; 0: no other limit. */
  readonly tryMs: number
  /** From the begin of the request to the end of the answer; 0: no limit. */
  readonly totalMs: number
}

export interface RetryPolicy {
  /** Attempts per exchange in all, 1 … 5; 1: no retry. */
  readonly attempts: number
  /** After what it is tried again. */
  readonly on: Faults
  /** Retries that an upstream may notice, as a share of the requests, 0 … 1. */
  readonly budgetRatio: number
  /** The pause before the first retry that an upstream may notice is up to so long, ms; it doubles with each one. */
  readonly backoffMs: number
  /** No pause is longer, ms. */
  readonly maxBackoffMs: number
  /** A longer `Retry-After` is not waited for, ms. */
  readonly retryAfterMs: number
}

/** How callers and upstreams are told how much time is left. */
export interface DeadlinePolicy {
  /** Name of the field. */
  readonly header: string
  readonly format: 'ms' | 'seconds' | 'grpc'
  /** Whether the field of a trusted caller shortens our time. */
  readonly accept: boolean
}

/** What may be overridden per route. */
export interface AttemptPolicy {
  readonly timeouts: Timeouts
  readonly retry: RetryPolicy
  /** How the time that is left is passed on; null: it is not. */
  readonly deadline: DeadlinePolicy | null
}

/** How an upstream is called: plain data, replaced whole on reload. */
export interface UpstreamPolicy extends AttemptPolicy, PreferencePolicy {
  /** A kind of the balancer table with its options. */
  readonly balance: BalancerSpec
  /** Open connections per endpoint at the most; more requests wait. */
  readonly maxConnections: number
  /** Requests that may wait for a connection, per endpoint; more are refused with `upstream_overloaded`. */
  readonly maxQueued: number
  /** Connections per endpoint that are opened before they are asked for, while it is eligible. */
  readonly warmConnections: number
  /** Requests that may be under way on one connection, 1 … 32; 1: an answer is awaited before the next request goes out. */
  readonly pipelining: number
  /** For so long the weight of an endpoint that becomes eligible grows to its own, ms; 0: it has it at once. */
  readonly slowStartMs: number
  /** When an endpoint that fails real requests is taken out; null: only probes decide. */
  readonly outlier: OutlierPolicy | null
  /** With a smaller share of the members eligible, all are called that are merely said to be ill, 0 … 1; 0: never. */
  readonly panicRatio: number
}
