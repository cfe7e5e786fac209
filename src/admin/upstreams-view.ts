import type { InstanceView } from '../discovery/instance-view.ts'
import type { UpstreamRow, UpstreamTable } from '../discovery/upstream-table.ts'
import type { ConcurrencyPolicy } from '../dataplane/upstream/policy.ts'
import { mergedLoad, upstreamLoad, type BreakerLoad, type UpstreamLoad } from '../dataplane/upstream/upstream-load.ts'
import type { Workers } from '../workers/workers.ts'

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
  /** Null: it has none. With several workers: the worst state, and sums. */
  readonly breaker: BreakerLoad | null
  /** Null: it is not limited. */
  readonly concurrency: ({ readonly active: number; readonly waiting: number } & ConcurrencyPolicy) | null
  /** Requests under way at its instances. */
  readonly inFlight: number
  /** How many retries its budget has for requests that fail now. */
  readonly retriesLeft: number
  readonly instances: readonly InstanceView[]
}

/** The running upstreams with each instance's state. With workers they are as those see them who serve: calls of tasks are not in it. */
export function upstreamsView(upstreams: UpstreamTable, workers: Workers | null): readonly UpstreamView[] {
  return [...upstreams.rows].map((row) => {
    const [first = upstreamLoad(row.upstream), ...others] = workers?.loadsOf(row.upstream.name) ?? []
    return upstreamView(row, mergedLoad(first, others))
  })
}

function upstreamView({ upstream, discovery, config }: UpstreamRow, load: UpstreamLoad): UpstreamView {
  const { breaker, inFlight, retriesLeft } = load
  const limits = config.policy.concurrency
  return {
    name: upstream.name,
    source: config.source,
    balance: config.policy.balance.kind,
    known: upstream.members.known,
    eligible: upstream.members.eligible.length,
    panicking: upstream.members.isPanicking,
    registryError: discovery.lastError?.message ?? null,
    unavailable: unavailableBy(upstream, load),
    fromDisk: discovery.isFromDisk,
    breaker,
    concurrency: load.concurrency && limits && { ...load.concurrency, ...limits },
    inFlight,
    retriesLeft,
    instances: discovery.view().map((view) => ({ ...view, pipeliningOff: load.pipeliningOff[view.address] ?? null })),
  }
}

function unavailableBy(upstream: UpstreamRow['upstream'], { closed }: UpstreamLoad): UpstreamView['unavailable'] {
  const why = closed ?? (upstream.members.eligible.length > 0 ? null : upstream.whyNone())
  if (!why) return null
  const { code, detail } = why
  return { code, reason: detail }
}
