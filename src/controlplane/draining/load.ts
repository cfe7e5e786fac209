import type { Endpoint } from '../../dataplane/upstream/endpoint.ts'
import type { Upstream } from '../../dataplane/upstream/upstream.ts'
import type { UpstreamConfig } from '../../config/config.ts'
import { instanceText } from '../../discovery/draining/drain-key.ts'
import { serviceOf } from '../../discovery/draining/service-of.ts'

/** So many tunnels of one instance are named. */
const MOST_NAMED = 20

/** A connection that stays open for as long as its two ends want: it keeps an instance from being drained. */
export interface TunnelView {
  readonly client: string
  readonly host: string
  readonly path: string
  readonly requestId: string
  readonly openForMs: number
}

/** What is under way at an instance that gets no new work. */
export interface LeavingLoad {
  /** Why it leaves. */
  readonly exclusion: 'draining' | 'maintenance'
  /** Requests and tunnels. */
  readonly inFlight: number
  readonly tunnels: number
  /** The first of them. */
  readonly named: readonly TunnelView[]
}

/** By the name of the instance. */
export type LeavingLoads = Readonly<Record<string, LeavingLoad>>

interface Row {
  readonly upstream: Upstream
  readonly config: UpstreamConfig
}

/** Who is leaving (drained, or in maintenance) with what is still under way there. */
export function leavingLoads(rows: Iterable<Row>, now: number): LeavingLoads {
  const loads: Record<string, LeavingLoad> = {}
  for (const { upstream, config } of rows) {
    for (const { id, exclusion, endpoint } of upstream.members.all) {
      if (exclusion !== 'draining' && exclusion !== 'maintenance') continue
      const name = instanceText({ service: serviceOf(config), id })
      // Several upstreams may call the same service.
      loads[name] = sum(loads[name], { exclusion, ...loadOf(endpoint, now) })
    }
  }
  return loads
}

/** What several data planes tell, as if they were one. */
export function mergedLoads(all: readonly LeavingLoads[]): LeavingLoads {
  const merged: Record<string, LeavingLoad> = {}
  for (const [name, load] of all.flatMap((loads) => Object.entries(loads))) merged[name] = sum(merged[name], load)
  return merged
}

function loadOf({ inFlight, tunnels }: Endpoint, now: number): Omit<LeavingLoad, 'exclusion'> {
  const named = [...tunnels].slice(0, MOST_NAMED).map(({ request, since }) => ({
    client: request.clientAddress,
    host: request.host,
    path: request.path,
    requestId: request.requestId,
    // In steps, so that a document that tells it does not change with every look.
    openForMs: Math.floor((now - since) / 60_000) * 60_000,
  }))
  return { inFlight, tunnels: tunnels.size, named }
}

function sum(one: LeavingLoad | undefined, other: LeavingLoad): LeavingLoad {
  if (!one) return other
  return {
    ...one,
    inFlight: one.inFlight + other.inFlight,
    tunnels: one.tunnels + other.tunnels,
    named: [...one.named, ...other.named].slice(0, MOST_NAMED),
  }
}
