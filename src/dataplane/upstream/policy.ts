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
  /** Answers up to this size are kept until they are whole, so that one that breaks off can be asked for again, bytes; 0: none. */
  readonly holdBytes: number
}

/** When a second attempt is made beside one that has not been answered. */
export interface HedgePolicy {
  readonly afterMs: number
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
  /** Null: no attempt gets company. */
  readonly hedge: HedgePolicy | null
}

/** When an upstream that fails too often is left alone. */
export interface BreakerPolicy {
  /** Share of failed exchanges within the window that opens it, 0 … 1. */
  readonly failureRatio: number
  /** With fewer exchanges within the window it stays closed. */
  readonly minRequests: number
  readonly windowMs: number
  /** For so long nobody gets in, ms. */
  readonly openMs: number
  /** Exchanges that must then succeed before all get in again. */
  readonly trials: number
  readonly on: Faults
}

/** How much an upstream is given to do at a time. */
export interface ConcurrencyPolicy {
  /** Exchanges under way; 0: no limit. */
  readonly requests: number
  /** Attempts under way at an endpoint; 0: no limit but its connections. */
  readonly perInstance: number
  /** Exchanges that may wait. */
  readonly queue: number
  readonly queueTimeoutMs: number
}

/** How an upstream is called: plain data, replaced whole on reload. */
export interface UpstreamPolicy extends AttemptPolicy, PreferencePolicy {
  /** A kind of the balancer table with its options. */
  readonly balance: BalancerSpec
  /** Null: it is never left alone. */
  readonly breaker: BreakerPolicy | null
  /** Null: only connections are limited. */
  readonly concurrency: ConcurrencyPolicy | null
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
