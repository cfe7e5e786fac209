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
}

export interface RetryPolicy {
  /** Attempts per exchange in all, 1 … 5; 1: no retry. */
  readonly attempts: number
  /** After what it is tried again. */
  readonly on: Faults
  /** Retries that an upstream may notice, as a share of the requests, 0 … 1. */
  readonly budgetRatio: number
}

/** What may be overridden per route. */
export interface AttemptPolicy {
  readonly timeouts: Timeouts
  readonly retry: RetryPolicy
}

/** How an upstream is called: plain data, replaced whole on reload. */
export interface UpstreamPolicy extends AttemptPolicy, PreferencePolicy {
  /** A kind of the balancer table with its options. */
  readonly balance: BalancerSpec
  /** Open connections per endpoint at the most; more requests wait. */
  readonly maxConnections: number
  /** Requests that may wait for a connection, per endpoint; more are refused with `upstream_overloaded`. */
  readonly maxQueued: number
  /** For so long the weight of an endpoint that becomes eligible grows to its own, ms; 0: it has it at once. */
  readonly slowStartMs: number
  /** When an endpoint that fails real requests is taken out; null: only probes decide. */
  readonly outlier: OutlierPolicy | null
  /** With a smaller share of the members eligible, all are called that are merely said to be ill, 0 … 1; 0: never. */
  readonly panicRatio: number
}
