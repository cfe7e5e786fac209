import { formatAddress } from '../address.ts'
import type { HotConfig } from '../config/config.ts'
import { configuredBy, type UpstreamRow, type UpstreamTable } from '../discovery/upstream-table.ts'
import type { PlaneState, UpstreamState } from './messages.ts'

/** What a worker needs to serve as this process would. */
export function planeState(hot: HotConfig, generation: number, upstreams: UpstreamTable): PlaneState {
  const configured = configuredBy(hot)
  const rows = [...upstreams.rows]
  const isConfigured = ({ upstream }: UpstreamRow): boolean => configured.has(upstream.name)
  return {
    generation,
    routes: hot.routes,
    upstreams: rows.filter(isConfigured).map(upstreamState),
    mesh: hot.mesh,
    onDemand: rows.filter((row) => !isConfigured(row)).map(upstreamState),
  }
}

export function upstreamState({ upstream, discovery, config }: UpstreamRow): UpstreamState {
  const members = discovery.published
  const ejected: Record<string, number> = {}
  for (const { address } of members ?? []) {
    const key = formatAddress(address)
    const forMs = upstream.ejectedForMs(key)
    if (forMs !== null) ejected[key] = forMs
  }
  return { config, members, ejected }
}
