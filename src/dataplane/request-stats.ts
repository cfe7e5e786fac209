import { DurationBuckets } from './duration-buckets.ts'
import { gauge, type MetricSource, type Sample } from '../metrics.ts'

export const REQUESTS_METRIC = 'meshgate_requests_total'
export const DURATIONS_METRIC = 'meshgate_request_duration_seconds_bucket'
/** In place of a route: of what none takes. */
export const NO_ROUTE = 'none'

/** What is counted of the exchanges of one route: plain numbers, so that counting costs no more than an addition. */
class RouteStats {
  /** By the first digit of the status; 0: no answer was begun. */
  readonly byClass = [0, 0, 0, 0, 0, 0]
  readonly durations = new DurationBuckets()
}

/** Counts ended exchanges. Routes that left the config are dropped with {@link keepOnly}. */
export class RequestStats {
  readonly #routes = new Map<string, RouteStats>()
  readonly #codes = new Map<string, number>()
  inFlight = 0

  count(route: string, status: number, durationMs: number): void {
    let stats = this.#routes.get(route)
    if (!stats) this.#routes.set(route, (stats = new RouteStats()))
    const statusClass = Math.min(5, Math.floor(status / 100))
    stats.byClass[statusClass] = (stats.byClass[statusClass] ?? 0) + 1
    stats.durations.count(durationMs)
  }

  /** Counts an exchange that went wrong, by error code. */
  countCode(code: string): void {
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1)
  }

  keepOnly(routes: ReadonlySet<string>): void {
    for (const name of this.#routes.keys()) if (!routes.has(name)) this.#routes.delete(name)
  }

  metricSources(): readonly MetricSource[] {
    return [
      {
        name: REQUESTS_METRIC,
        help: 'Ended exchanges by route and class of the status (0xx: no answer was begun)',
        kind: 'counter',
        labelNames: ['route', 'status'],
        samples: () => this.#requests(),
      },
      {
        name: 'meshgate_request_errors_total',
        help: 'Exchanges that went wrong, by error code (docs/errors.md)',
        kind: 'counter',
        labelNames: ['code'],
        samples: () => [...this.#codes].map(([code, value]) => ({ labels: { code }, value })),
      },
      {
        name: DURATIONS_METRIC,
        help: 'Ended exchanges by duration, cumulative',
        kind: 'counter',
        labelNames: ['route', 'le'],
        samples: () => this.#durations(),
      },
      gauge('meshgate_requests_in_flight', 'Exchanges under way, tunnels included', () => this.inFlight),
    ]
  }

  *#requests(): Iterable<Sample> {
    for (const [route, { byClass }] of this.#routes) {
      for (const [digit, value] of byClass.entries()) if (value > 0) yield { labels: { route, status: `${digit}xx` }, value }
    }
  }

  *#durations(): Iterable<Sample> {
    for (const [route, { durations }] of this.#routes) {
      for (const { le, value } of durations.cumulative()) yield { labels: { route, le }, value }
    }
  }
}
