import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { builtIn } from '../../src/config/built-in.ts'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import type { TestDataPlane } from '../support/data-plane.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { upstreamPolicy } from '../support/upstream-policy.ts'

const { dataPlane, instance } = dataPlaneFixture()

const breaker = { ...builtIn.breaker, minRequests: 4, openMs: 5_000, trials: 1 }

async function statusesOf(plane: TestDataPlane, times: number): Promise<number[]> {
  const statuses: number[] = []
  for (let i = 0; i < times; i++) {
    const { statusCode, body } = await request(plane.url)
    statuses.push(statusCode)
    await body.dump()
  }
  return statuses
}

describe('an upstream that fails too often', () => {
  it('is left alone for a while: 503 with the reason and Retry-After, and is taken up again once it answers', async () => {
    const clock = new ManualClock()
    let status = 503
    const app = await instance((incoming, response) => {
      incoming.resume()
      response.writeHead(status).end()
    })
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { breaker }, clock, proxyStatus: 'reason' })
    const states: string[] = []
    const upstream = plane.upstreams.get('app') ?? assert.fail()
    upstream.onBreaker = (state) => void states.push(state)
    assert.deepEqual(await statusesOf(plane, 4), [503, 503, 503, 503])
    await clock.advance(1_200)
    const refused = await request(plane.url)
    assert.equal(refused.statusCode, 503)
    assert.equal(refused.headers['retry-after'], '4')
    assert.equal(
      refused.headers['proxy-status'],
      'meshgate; error=destination_unavailable; details="circuit_open; open for another 3.8s: 4 of 4 requests failed within 10s"',
    )
    assert.equal(errorCodeOf(await refused.body.text()), 'circuit_open')
    assert.deepEqual([app.hits, upstream.gate.refused.circuit_open], [4, 1])
    assert.equal(upstream.gate.whyClosed()?.code, 'circuit_open')
    status = 200
    await clock.advance(3_800)
    assert.deepEqual(await statusesOf(plane, 3), [200, 200, 200])
    assert.deepEqual(states, ['open', 'half_open', 'closed'])
    assert.equal(upstream.gate.whyClosed(), null)
  })

  it('is not one of which half the instances are dead while another attempt makes up for them', async () => {
    const [dead = 0] = await freePorts(1)
    const good = await instance()
    const plane = await dataPlane({ upstreams: { app: [dead, good.port] }, policy: { breaker } })
    assert.deepEqual(new Set(await statusesOf(plane, 20)), new Set([200]))
  })

  it('stays left alone through a reload of the same policy, and is free with another one', async () => {
    const clock = new ManualClock()
    const [dead = 0] = await freePorts(1)
    const plane = await dataPlane({ upstreams: { app: [dead] }, policy: { breaker }, clock })
    const upstream = plane.upstreams.get('app') ?? assert.fail()
    await statusesOf(plane, 4)
    upstream.setPolicy(upstreamPolicy({ breaker: structuredClone(breaker), maxQueued: 7 }))
    assert.deepEqual(await statusesOf(plane, 1), [503])
    upstream.setPolicy(upstreamPolicy({ breaker: { ...breaker, minRequests: 9 } }))
    assert.deepEqual(await statusesOf(plane, 1), [502])
    upstream.setPolicy(upstreamPolicy())
    assert.equal(upstream.gate.isOpen, true)
  })
})
