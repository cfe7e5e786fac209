import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  abridged,
  ALL_ROUTES,
  longerThan,
  p99AtMostMs,
  since,
  together,
  trafficIn,
} from '../../../src/controlplane/trials/traffic.ts'
import { RequestStats } from '../../../src/dataplane/request-stats.ts'
import { routeTraffic } from './traffic-of.ts'

const request = fc.record({
  route: fc.constantFrom('a', 'b', '__proto__'),
  status: fc.constantFrom(0, 200, 404, 500, 503),
  durationMs: fc.double({ min: 0, max: 100_000, noNaN: true }),
})

function counted(requests: readonly { route: string; status: number; durationMs: number }[], stats = new RequestStats()) {
  for (const { route, status, durationMs } of requests) stats.count(route, status, durationMs)
  return stats
}

describe('the traffic of routes', () => {
  it('is what the metrics tell: requests, those answered with 5xx, and how long they took', () => {
    fc.assert(
      fc.property(fc.array(request), (requests) => {
        const found = trafficIn(counted(requests).metricSources())
        for (const route of ['a', 'b', '__proto__']) {
          const own = requests.filter((one) => one.route === route)
          const { requests: all = 0, failures = 0, buckets = [] } = found.get(route) ?? {}
          assert.deepEqual([all, failures], [own.length, own.filter(({ status }) => status >= 500).length])
          const slow = own.filter(({ durationMs }) => durationMs > 250).length
          assert.equal(longerThan({ requests: all, failures, buckets }, 250), slow)
        }
      }),
    )
  })

  it('between two readings is what came between them, and that of several gateways their sum', () => {
    fc.assert(
      fc.property(fc.array(request), fc.array(request), (first, second) => {
        const stats = counted(first)
        const before = trafficIn(stats.metricSources())
        const between = since(before, trafficIn(counted(second, stats).metricSources()))
        const alone = trafficIn(counted(second).metricSources())
        for (const [route, found] of between) assert.deepEqual(found, alone.get(route) ?? routeTraffic(0))
        assert.deepEqual(together([before, alone]), together([alone, before]))
      }),
    )
  })

  it('of a route that had left the config counts anew', () => {
    const before = new Map([['a', routeTraffic(100, 50)]])
    assert.deepEqual(since(before, new Map([['a', routeTraffic(3, 1)]])).get('a'), routeTraffic(3, 1))
  })

  it('is told of the routes that fail most, then of the busiest, with all of them as one', () => {
    const many = new Map(Array.from({ length: 50 }, (_, at) => [`r${at}`, routeTraffic(at, at === 7 ? 5 : 0)]))
    const told = abridged(many, 3)
    assert.deepEqual([...told.keys()], [ALL_ROUTES, 'r7', 'r49', 'r48'])
    assert.deepEqual([told.get(ALL_ROUTES)?.requests, told.get(ALL_ROUTES)?.failures], [(49 * 50) / 2, 5])
    const stray = abridged(new Map([...many, ['none', routeTraffic(1)]]), 3)
    assert.deepEqual([...stray.keys()], [ALL_ROUTES, 'none', 'r7', 'r49', 'r48'], 'what finds no route is always told of')
    assert.deepEqual([...abridged(new Map([['idle', routeTraffic(0)]]), 3).keys()], [ALL_ROUTES])
  })

  it('has its p99 below the bound that no more than one of a hundred exceeds', () => {
    assert.equal(p99AtMostMs(routeTraffic(100, 0, 1)), 5)
    assert.equal(p99AtMostMs(routeTraffic(100, 0, 2)), 500)
    assert.equal(p99AtMostMs(routeTraffic(100, 0, 2, 40_000)), Infinity)
  })
})
