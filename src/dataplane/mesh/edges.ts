import type { MetricSource, Sample } from '../../metrics.ts'
import { DurationBuckets } from '../duration-buckets.ts'

/** Edges that are told apart; what comes later is counted together, as from `other` to `other`. */
export const MOST_EDGES = 256

/** Who calls whom when nobody knows the caller. */
export const UNKNOWN_CALLER = 'unknown'

/** How a call ended, for the edge. */
export type EdgeOutcome = 'ok' | 'failed' | 'denied'

/** The counters of the edges, as `/metrics` names them. */
export const edgeMetrics = {
  requests: 'meshgate_mesh_requests_total',
  durations: 'meshgate_mesh_request_duration_seconds_bucket',
} as const

class Edge {
  readonly from: string
  readonly to: string
  readonly outcomes: Record<EdgeOutcome, number> = { ok: 0, failed: 0, denied: 0 }
  readonly durations = new DurationBuckets()

  constructor(from: string, to: string) {
    this.from = from
    this.to = to
  }
}

/** Counts calls between services by who calls whom. */
export class Edges {
  readonly #byCaller = new Map<string, Map<string, Edge>>()
  #size = 0

  /** `from` and `to` are names that config or the registry has; null: nobody knows the caller. `durationMs` null: it has no length worth to be known. */
  count(
    from: string | null,
    to: string,
    { outcome, durationMs }: { readonly outcome: EdgeOutcome; readonly durationMs: number | null },
  ): void {
    const edge = this.#edge(from ?? UNKNOWN_CALLER, to)
    edge.outcomes[outcome]++
    // What was refused at once would make the callee look fast.
    if (outcome !== 'denied' && durationMs !== null) edge.durations.count(durationMs)
  }

  metricSources(): readonly MetricSource[] {
    return [
      {
        name: edgeMetrics.requests,
        help: 'Ended calls between services by caller and callee; failed: an error of the gateway or 5xx; denied: by mesh.rules, or for a wrong token',
        kind: 'counter',
        labelNames: ['from', 'to', 'outcome'],
        samples: () => this.#requests(),
      },
      {
        name: edgeMetrics.durations,
        help: 'Ended calls between services by duration, cumulative; without denied ones',
        kind: 'counter',
        labelNames: ['from', 'to', 'le'],
        samples: () => this.#durations(),
      },
    ]
  }

  #edge(from: string, to: string): Edge {
    const found = this.#byCaller.get(from)?.get(to)
    if (found) return found
    if (this.#size >= MOST_EDGES && !(from === 'other' && to === 'other')) return this.#edge('other', 'other')
    const edge = new Edge(from, to)
    const callees = this.#byCaller.get(from) ?? new Map<string, Edge>()
    this.#byCaller.set(from, callees.set(to, edge))
    this.#size++
    return edge
  }

  *#all(): Iterable<Edge> {
    for (const callees of this.#byCaller.values()) yield* callees.values()
  }

  *#requests(): Iterable<Sample> {
    for (const { from, to, outcomes } of this.#all()) {
      for (const [outcome, value] of Object.entries(outcomes)) if (value > 0) yield { labels: { from, to, outcome }, value }
    }
  }

  *#durations(): Iterable<Sample> {
    for (const { from, to, durations } of this.#all()) {
      for (const { le, value } of durations.cumulative()) yield { labels: { from, to, le }, value }
    }
  }
}
