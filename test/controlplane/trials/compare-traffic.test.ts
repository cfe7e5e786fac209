import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { complaints } from '../../../src/controlplane/trials/compare-traffic.ts'
import type { RouteTraffic } from '../../../src/controlplane/trials/traffic.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { routeTraffic, traffic } from './traffic-of.ts'

const seed = Number(process.env['MESHGATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** What is said of one route, against what others and the same replicas before have of it. */
function said(tried: RouteTraffic, ...references: readonly RouteTraffic[]): string {
  const against = references.map((one, at) => ({ name: at === 0 ? 'at the others' : 'before', traffic: traffic({ r: one }) }))
  return complaints(traffic({ r: tried }), against).join('\n')
}

/** As much of each of fifty routes. */
function fifty(failures: number): Readonly<Record<string, RouteTraffic>> {
  return Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`r${at}`, routeTraffic(20, failures)]))
}

/** So many requests, some of which found no route. */
function lost(requests: number, stray: number) {
  return traffic({ r: routeTraffic(requests - stray), none: routeTraffic(stray) })
}

const anyTraffic = fc
  .record({
    requests: fc.nat({ max: 5_000 }),
    bad: fc.double({ min: 0, max: 1, noNaN: true }),
    slow: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ requests, bad, slow }) => routeTraffic(requests, Math.floor(bad * requests), Math.floor(slow * requests)))

describe('traffic of a trial', () => {
  it('that fails where others do not is told of, with the figures, also if the route is new', () => {
    assert.equal(
      said(routeTraffic(40, 12), routeTraffic(300), routeTraffic(5_000, 1)),
      'route r: 12 of 40 requests failed, 0 of 300 at the others, 1 of 5000 before',
    )
    assert.match(said(routeTraffic(5, 5)), /^route r: 5 of 5 requests failed$/)
    assert.match(said(routeTraffic(1_000, 20), routeTraffic(4_000)), /^route r: 20 of 1000 /)
  })

  it('that fails no more than elsewhere or before, or hardly more, or by accident, is fine', () => {
    assert.equal(said(routeTraffic(40, 12), routeTraffic(300, 90), routeTraffic(5_000)), '')
    assert.equal(said(routeTraffic(40, 12), routeTraffic(300), routeTraffic(5_000, 1_500)), '')
    assert.equal(said(routeTraffic(4, 4), routeTraffic(300)), '', 'too few')
    assert.equal(said(routeTraffic(10_000, 60), routeTraffic(100_000)), '', '0.6 %')
    assert.equal(said(routeTraffic(20, 6), routeTraffic(100, 10)), '', 'chance')
    assert.equal(said(routeTraffic(0), routeTraffic(0)), '')
  })

  it('is not excused by who has had too few requests to know, unless these failed too', () => {
    assert.match(said(routeTraffic(14, 14), routeTraffic(30), routeTraffic(2)), /^route r: 14 of 14 /)
    assert.match(said(routeTraffic(5, 5), routeTraffic(1)), /^route r: 5 of 5 /)
    assert.equal(said(routeTraffic(10, 6), routeTraffic(10, 5)), '')
    assert.equal(said(routeTraffic(14, 14), routeTraffic(300), routeTraffic(2, 1)), '')
    assert.match(said(routeTraffic(5, 5), routeTraffic(30)), /^route r: 5 of 5 /)
  })

  it('that takes long where others are fast is told of', () => {
    assert.equal(
      said(routeTraffic(400, 0, 40), routeTraffic(300)),
      'route r: 40 of 400 requests took longer than 50ms, where 99 % took at most 5ms',
    )
    assert.equal(said(routeTraffic(400, 0, 40), routeTraffic(300, 0, 30)), '')
    assert.equal(said(routeTraffic(400, 0, 40), routeTraffic(300), routeTraffic(300, 0, 30)), '')
    assert.equal(said(routeTraffic(400, 0, 4), routeTraffic(300)), '', 'one of a hundred')
    assert.equal(said(routeTraffic(400, 0, 40), routeTraffic(99)), '', 'who knows where the p99 of the others is')
    assert.equal(said(routeTraffic(400, 0, 40, 40), routeTraffic(300)), '', '40 ms is not long')
    assert.equal(said(routeTraffic(400, 0, 40, 40_000), routeTraffic(300, 0, 30, 20_000)), '', 'beyond the buckets')
  })

  it('that fails a little on many routes is told of as a whole', () => {
    const found = complaints(traffic(fifty(2)), [{ name: 'at the others', traffic: traffic(fifty(0)) }])
    assert.deepEqual(found, ['all routes together: 100 of 1000 requests failed, 0 of 1000 at the others'])
  })

  it('that finds no route where others do is told of, also if it is answered in time, but for what clients get wrong anyway', () => {
    const against = (stray: number) => [{ name: 'at the others', traffic: lost(1_000, stray) }]
    assert.deepEqual(complaints(lost(60, 55), against(3)), ['55 of 60 requests found no route, 3 of 1000 at the others'])
    assert.deepEqual(complaints(lost(60, 55), against(900)), [])
    assert.deepEqual(complaints(lost(1_000, 90), against(0)), [], 'a client that is wrong')
    assert.deepEqual(complaints(lost(60, 55), []), [], 'nobody knows better')
  })

  it('is never worse than itself, nor than any reference that fails and lags as much', () => {
    fc.assert(
      fc.property(anyTraffic, fc.array(anyTraffic, { maxLength: 1 }), (tried, others) => {
        if (tried.requests >= 100) assert.equal(said(tried, tried, ...others), '')
      }),
    )
  })

  it('is not better for one more failure', () => {
    fc.assert(
      fc.property(anyTraffic, anyTraffic, ({ requests, failures }, reference) => {
        const isBad = said(routeTraffic(requests, failures), reference) !== ''
        if (isBad && failures < requests) assert.notEqual(said(routeTraffic(requests, failures + 1), reference), '')
      }),
    )
  })

  it(`is hardly ever blamed for chance (seed ${seed})`, () => {
    const random = seededRandom(seed)
    const drawn = (requests: number, ratio: number): RouteTraffic =>
      routeTraffic(requests, Array.from({ length: requests }, random).filter((one) => one < ratio).length)
    let blamed = 0
    for (let turn = 0; turn < 1_000; turn++) {
      const ratio = random() * 0.3
      const size = (): number => 10 + Math.floor(random() * 300)
      if (said(drawn(size(), ratio), drawn(size() * 3, ratio)) !== '') blamed++
    }
    // Five deviations: one of millions; but small numbers have longer tails.
    assert.ok(blamed <= 5, `${blamed} of 1000`)
  })
})
