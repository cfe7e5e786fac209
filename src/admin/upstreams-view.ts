import type { InstanceView } from '../controlplane/discovery.ts'
import type { UpstreamRow, UpstreamTable } from '../controlplane/upstream-table.ts'

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
    instances: discovery.view(),
  }))
}

function unavailableBy(upstream: UpstreamRow['upstream']): UpstreamView['unavailable'] {
  if (upstream.members.eligible.length > 0) return null
  const { code, detail } = upstream.whyNone()
  return { code, reason: detail }
}
