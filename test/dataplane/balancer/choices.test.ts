import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Latency } from '../../../src/dataplane/balancer/latency.ts'
import { createBalancer } from '../../../src/dataplane/balancer/table.ts'
import { askerWith, balancerOf, candidates, countPicks, deps } from '../../support/balancing.ts'

const asker = askerWith()

describe('the balancer two-choices', () => {
  it('takes the one with fewer attempts under way for its weight', () => {
    const [a, b] = candidates(1, 4)
    assert.ok(a && b)
    Object.assign(a.endpoint, { inFlight: 1 })
    Object.assign(b.endpoint, { inFlight: 3 })
    const balancer = balancerOf('two-choices', 1)
    assert.deepEqual([...countPicks(50, () => balancer.pick([a, b], asker)).keys()], ['e1'])
    b.endpoint.inFlight = 5
    assert.deepEqual([...countPicks(50, () => balancer.pick([a, b], asker)).keys()], ['e0'])
  })

  it('fills all up nearly evenly when nothing ends', () => {
    const balancer = balancerOf('two-choices', 9)
    const list = candidates(...Array<number>(20).fill(1))
    for (let i = 0; i < 2_000; i++) {
      const picked = balancer.pick(list, asker)
      if (picked) picked.endpoint.inFlight++
    }
    const loads = list.map(({ endpoint }) => endpoint.inFlight)
    assert.ok(Math.max(...loads) - Math.min(...loads) <= 6, loads.join(' '))
  })
})

describe('the balancer peak-ewma', () => {
  it('takes the one that answers sooner, and the slower one once the first has more under way than it is faster', () => {
    const parts = deps(1)
    const balancer = createBalancer({ kind: 'peak-ewma', options: {} }, parts)
    const [fast, slow] = candidates(1, 1)
    assert.ok(fast && slow)
    fast.endpoint.latency.observe(10, 0)
    slow.endpoint.latency.observe(100, 0)
    assert.equal(balancer.pick([fast, slow], asker), fast)
    fast.endpoint.inFlight = 10
    assert.equal(balancer.pick([fast, slow], asker), slow)
  })

  it('leaves one that has become slow with its first slow answer, and comes back to it in time', async () => {
    const parts = deps(1)
    const balancer = createBalancer({ kind: 'peak-ewma', options: {} }, parts)
    const [good, bad] = candidates(1, 1)
    assert.ok(good && bad)
    for (let i = 0; i < 100; i++) bad.endpoint.latency.observe(5, 0)
    good.endpoint.latency.observe(20, 0)
    bad.endpoint.latency.observe(2_000, 0)
    assert.equal(balancer.pick([good, bad], asker), good)
    await parts.clock.advance(60_000)
    good.endpoint.latency.observe(20, 60_000)
    assert.equal(balancer.pick([good, bad], asker), bad)
  })

  it('sends one request to a new endpoint and waits for what it shows', () => {
    const balancer = balancerOf('peak-ewma', 1)
    const [known, fresh] = candidates(1, 1)
    assert.ok(known && fresh)
    known.endpoint.latency.observe(20, 0)
    assert.equal(balancer.pick([known, fresh], asker), fresh)
    fresh.endpoint.inFlight = 1
    assert.equal(balancer.pick([known, fresh], asker), known)
  })
})

describe('the latency of an endpoint', () => {
  it('jumps to a peak at once and falls to the new level slowly', () => {
    const latency = new Latency()
    assert.equal(latency.isKnown, false)
    latency.observe(10, 0)
    latency.observe(500, 0)
    assert.equal(latency.valueAt(0), 500)
    for (let at = 100; at <= 1_000; at += 100) latency.observe(10, at)
    assert.ok(latency.valueAt(1_000) > 300)
    for (let at = 1_100; at <= 100_000; at += 100) latency.observe(10, at)
    assert.ok(Math.abs(latency.valueAt(100_000) - 10) < 0.1)
  })
})
