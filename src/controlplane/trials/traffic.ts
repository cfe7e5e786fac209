import { bucketBoundsMs, bucketLabels } from '../../dataplane/duration-buckets.ts'
import { DURATIONS_METRIC, NO_ROUTE, REQUESTS_METRIC } from '../../dataplane/request-stats.ts'
import type { MetricSource } from '../../metrics.ts'

/** What has ended of one route. */
export interface RouteTraffic {
  readonly requests: number
  /** Answered with 5xx, by the upstream or by the gateway. */
  readonly failures: number
  /** Requests by duration, bounded by {@link bucketBoundsMs}; the last one has no bound. */
  readonly buckets: readonly number[]
}

/** By route. */
export type Traffic = ReadonlyMap<string, RouteTraffic>

/** In place of a route: all of them together. */
export const ALL_ROUTES = ''

const none: RouteTraffic = { requests: 0, failures: 0, buckets: bucketLabels.map(() => 0) }

const bucketOf = new Map(bucketLabels.map((label, at) => [label, at]))

/** What metrics tell of the routes since this gateway started. */
export function trafficIn(sources: readonly MetricSource[]): Traffic {
  const samplesOf = (metric: string) => sources.find(({ name }) => name === metric)?.samples() ?? []
  const routes = new Map<string, { requests: number; failures: number; upTo: number[] }>()
  const of = (route = '') => {
    const found = routes.get(route) ?? { requests: 0, failures: 0, upTo: none.buckets.map(() => 0) }
    routes.set(route, found)
    return found
  }
  for (const { labels, value } of samplesOf(REQUESTS_METRIC)) {
    const found = of(labels['route'])
    found.requests += value
    if (labels['status'] === '5xx') found.failures += value
  }
  for (const { labels, value } of samplesOf(DURATIONS_METRIC)) {
    const at = bucketOf.get(labels['le'] ?? '')
    if (at !== undefined) of(labels['route']).upTo[at] = value
  }
  return new Map([...routes].map(([route, { upTo, ...counts }]) => [route, { ...counts, buckets: upTo.map(stepOf) }]))
}

/** What came between two readings. Of a route that was away meanwhile the count has begun anew. */
export function since(before: Traffic, now: Traffic): Traffic {
  return new Map(
    [...now].map(([route, traffic]) => {
      const known = before.get(route)
      return [route, known && known.requests <= traffic.requests ? combined(traffic, known, -1) : traffic]
    }),
  )
}

/** Of several replicas together. */
export function together(all: readonly Traffic[]): Traffic {
  const sums = new Map<string, RouteTraffic>()
  for (const traffic of all) for (const [route, found] of traffic) sums.set(route, combined(sums.get(route) ?? none, found, 1))
  return sums
}

/** All routes as one, what no route takes, and the most telling of the routes: those that fail most, then the busiest. */
export function abridged(traffic: Traffic, most: number): Traffic {
  const all = [...traffic.values()].reduce((sum, found) => combined(sum, found, 1), none)
  const lost = traffic.get(NO_ROUTE)
  const told = [...traffic]
    .filter(([route, { requests }]) => route !== NO_ROUTE && requests > 0)
    .toSorted(([, left], [, right]) => right.failures - left.failures || right.requests - left.requests)
  return new Map([[ALL_ROUTES, all], ...(lost ? [[NO_ROUTE, lost] as const] : []), ...told.slice(0, most)])
}

/** The bound that at most one request of a hundred has exceeded, ms; `Infinity`: beyond the last one. */
export function p99AtMostMs(traffic: RouteTraffic): number {
  return bucketBoundsMs.find((boundMs) => longerThan(traffic, boundMs) * 100 <= traffic.requests) ?? Infinity
}

/** How many requests took longer than a bound of the buckets. */
export function longerThan({ buckets }: RouteTraffic, boundMs: number): number {
  return buckets.reduce((sum, count, at) => ((bucketBoundsMs[at] ?? Infinity) > boundMs ? sum + count : sum), 0)
}

function combined(left: RouteTraffic, right: RouteTraffic, sign: 1 | -1): RouteTraffic {
  const sum = (a: number, b: number): number => Math.max(0, a + sign * b)
  return {
    requests: sum(left.requests, right.requests),
    failures: sum(left.failures, right.failures),
    buckets: left.buckets.map((count, at) => sum(count, right.buckets[at] ?? 0)),
  }
}

/** Of cumulative counts, the part of one. */
function stepOf(upTo: number, at: number, all: readonly number[]): number {
  return Math.max(0, upTo - (all[at - 1] ?? 0))
}
