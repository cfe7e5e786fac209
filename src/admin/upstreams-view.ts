import type { InstanceView } from '../discovery/instance-view.ts'
import type { UpstreamRow, UpstreamTable } from '../discovery/upstream-table.ts'
import type { BreakerState } from '../dataplane/upstream/breaker.ts'
import type { ConcurrencyPolicy } from '../dataplane/upstream/policy.ts'

/** One upstream as `GET /upstreams` tells it. */
export interface UpstreamView {
  readonly name: string
  readonly source: UpstreamRow['config']['source']
  readonly balance: string
  /** Whether the registry has answered for it once. */
  readonly known: boolean
  /** How many of the instances get traffic. */
  readonly eligible: number
  /** Too few are fit, so that those who are said to be ill are called too. */
  readonly panicking: boolean
  readonly registryError: string | null
  /** What a request is answered now: the code and the reason; null: it is sent to an instance. */
  readonly unavailable: { readonly code: string; readonly reason: string } | null
  /** The instances are those of a former process, since the registry has not answered this one yet. */
  readonly fromDisk: boolean
  /** Null: it has none. */
  readonly breaker: {
    readonly state: BreakerState
    /** Requests within its window, and how many of them failed. */
    readonly requests: number
    readonly failed: number
    /** Until it lets requests through again, ms. */
    readonly retryInMs: number
    /** How often it has opened. */
    readonly opened: number
  } | null
  /** Null: it is not limited. */
  readonly concurrency: ({ readonly active: number; readonly waiting: number } & ConcurrencyPolicy) | null
  /** Requests under way at its instances. */
  readonly inFlight: number
  /** How many retries its budget has for requests that fail now. */
  readonly retriesLeft: number
  readonly instances: readonly InstanceView[]
}

/** The running upstreams with each instance's state. */
export function upstreamsView(upstreams: UpstreamTable): readonly UpstreamView[] {
  return [...upstreams.rows].map(({ upstream, discovery, config }) => ({
    name: upstream.name,
    source: config.source,
    balance: config.policy.balance.kind,
    known: upstream.members.known,
    eligible: upstream.members.eligible.length,
    panicking: upstream.members.isPanicking,
    registryError: discovery.lastError?.message ?? null,
    unavailable: unavailableBy(upstream),
    fromDisk: discovery.isFromDisk,
    breaker: breakerOf(upstream),
    concurrency: concurrencyOf(upstream),
    inFlight: upstream.members.all.reduce((sum, { endpoint }) => sum + endpoint.inFlight, 0),
    retriesLeft: upstream.retriesLeft,
    instances: discovery.view(),
  }))
}

function unavailableBy(upstream: UpstreamRow['upstream']): UpstreamView['unavailable'] {
  const why = upstream.gate.whyClosed() ?? (upstream.members.eligible.length > 0 ? null : upstream.whyNone())
  if (!why) return null
  const { code, detail } = why
  return { code, reason: detail }
}

function breakerOf({ gate }: UpstreamRow['upstream']): UpstreamView['breaker'] {
  const { breaker, breakerWaitMs } = gate
  if (!breaker) return null
  const { state, counts, opened } = breaker
  return { state, requests: counts.total, failed: counts.failed, retryInMs: Math.round(breakerWaitMs), opened }
}

function concurrencyOf({ gate: { concurrency } }: UpstreamRow['upstream']): UpstreamView['concurrency'] {
  if (!concurrency) return null
  const { active, waiting, policy } = concurrency
  return { active, waiting, ...policy }
}
