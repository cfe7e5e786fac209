import { bucketLabels, quantileMs } from '../dataplane/duration-buckets.ts'
import { edgeMetrics } from '../dataplane/mesh/edges.ts'
import type { MetricSource } from '../metrics.ts'

/** Calls from one service to another since the start. */
export interface EdgeView {
  /** `unknown`: nobody knows who called; `other`: edges beyond those that are told apart. */
  readonly from: string
  /** `*`: refused before it was looked whether there is such a service. */
  readonly to: string
  readonly requests: number
  /** Answered with 5xx or cut, by the service or by the gateway. */
  readonly failures: number
  /** Refused by `mesh.rules`, or for a wrong token. */
  readonly denied: number
  /** Estimated from the buckets of the metrics; null: there was none but denied ones and tunnels. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

/** Who calls whom by name. */
export interface GraphView {
  /** The busiest first. */
  readonly edges: readonly EdgeView[]
}

/** The graph as the metrics of the mesh tell it, of one process or of all. */
export function graphView(sources: readonly MetricSource[]): GraphView {
  const edges = new Map<string, { from: string; to: string; ok: number; failed: number; denied: number; upTo: number[] }>()
  const samplesOf = (metric: string) => sources.find(({ name }) => name === metric)?.samples() ?? []
  const edgeOf = ({ from = '', to = '' }: Readonly<Record<string, string>>) => {
    const key = JSON.stringify([from, to])
    const found = edges.get(key) ?? { from, to, ok: 0, failed: 0, denied: 0, upTo: bucketLabels.map(() => 0) }
    edges.set(key, found)
    return found
  }
  for (const { labels, value } of samplesOf(edgeMetrics.requests)) {
    const outcome = labels['outcome']
    if (outcome === 'ok' || outcome === 'failed' || outcome === 'denied') edgeOf(labels)[outcome] += value
  }
  for (const { labels, value } of samplesOf(edgeMetrics.durations)) {
    const at = bucketLabels.indexOf(labels['le'] ?? '')
    if (at !== -1) edgeOf(labels).upTo[at] = value
  }
  const told = [...edges.values()].map(({ from, to, ok, failed, denied, upTo }) => ({
    from,
    to,
    requests: ok + failed + denied,
    failures: failed,
    denied,
    p50Ms: quantileMs(upTo, 0.5),
    p99Ms: quantileMs(upTo, 0.99),
  }))
  return { edges: told.toSorted((left, right) => right.requests - left.requests) }
}
