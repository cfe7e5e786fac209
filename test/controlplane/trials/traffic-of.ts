import { bucketBoundsMs } from '../../../src/dataplane/duration-buckets.ts'
import { ALL_ROUTES, together, type RouteTraffic, type Traffic } from '../../../src/controlplane/trials/traffic.ts'

/** Requests of a route, so many of which failed and so many of which took `slowMs`; the others took 5 ms. */
export function routeTraffic(requests: number, failures = 0, slow = 0, slowMs = 400): RouteTraffic {
  const buckets = [...bucketBoundsMs.map(() => 0), 0]
  buckets[bucketBoundsMs.indexOf(5)] = requests - slow
  const at = bucketBoundsMs.findIndex((boundMs) => slowMs <= boundMs)
  buckets[at < 0 ? bucketBoundsMs.length : at] = (buckets[at] ?? 0) + slow
  return { requests, failures, buckets }
}

/** As a replica tells it: with all routes together. */
export function traffic(routes: Readonly<Record<string, RouteTraffic>>): Traffic {
  const all = together(Object.values(routes).map((one) => new Map([[ALL_ROUTES, one]])))
  return new Map([...all, ...Object.entries(routes)])
}
