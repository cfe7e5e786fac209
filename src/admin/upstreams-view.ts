import type { UpstreamTable } from '../controlplane/upstream-table.ts'

/** The running upstreams with each instance's state, as `GET /upstreams` tells them. */
export function upstreamsView(upstreams: UpstreamTable): unknown {
  return [...upstreams.rows].map(({ upstream, discovery, config }) => ({
    name: upstream.name,
    source: config.source,
    balance: config.policy.balance,
    known: upstream.members.known,
    eligible: upstream.members.eligible.length,
    registryError: discovery.lastError?.message ?? null,
    instances: discovery.view(),
  }))
}
