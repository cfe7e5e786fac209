import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { balancerTable } from '../../../src/dataplane/balancer/table.ts'
import type { MemberUpdate } from '../../../src/dataplane/upstream/members.ts'
import { Upstream } from '../../../src/dataplane/upstream/upstream.ts'
import { askerWith, countPicks, deps } from '../../support/balancing.ts'
import { upstreamPolicy } from '../../support/upstream-policy.ts'

function instance(port: number, parts: Partial<MemberUpdate> = {}): MemberUpdate {
  return { id: `i-${port}`, address: { host: '127.0.0.1', port }, weight: 2, exclusion: null, ...parts }
}

function start(kind = 'weighted') {
  const parts = deps(1)
  const upstream = new Upstream('shop', upstreamPolicy({ balance: { kind, options: {} }, slowStartMs: 30_000 }), parts)
  const weights = (): readonly number[] => upstream.members.all.map(({ weight }) => weight)
  return { upstream, clock: parts.clock, weights }
}

describe('an instance that becomes eligible', () => {
  it('gets a tenth of its weight at first, then more in even steps, and all of it in the end', async () => {
    const { upstream, clock, weights } = start()
    upstream.setMembers([instance(1)])
    await clock.advance(60_000)
    upstream.setMembers([instance(1), instance(2)])
    assert.deepEqual(weights(), [2, 0.2])
    await clock.advance(15_000)
    assert.deepEqual(weights(), [2, 1])
    await clock.advance(14_000)
    assert.ok((weights()[1] ?? 0) > 1.7 && (weights()[1] ?? 0) < 2)
    await clock.advance(2_000)
    assert.deepEqual(weights(), [2, 2])
    assert.equal(clock.pending, 0)
  })

  it('goes on growing when other members change, and starts anew after it was out', async () => {
    const { upstream, clock, weights } = start()
    upstream.setMembers([instance(1)])
    await clock.advance(15_000)
    upstream.setMembers([instance(1), instance(2)])
    assert.deepEqual(weights(), [1, 0.2])
    await clock.advance(30_000)
    upstream.setMembers([instance(1, { exclusion: 'probe_failing' }), instance(2)])
    upstream.setMembers([instance(1), instance(2)])
    assert.deepEqual(weights(), [0.2, 2])
  })

  it('has its whole weight at once without a slow start, also when the policy changes', async () => {
    const { upstream, clock, weights } = start()
    upstream.setMembers([instance(1)])
    assert.deepEqual(weights(), [0.2])
    upstream.setPolicy({ ...upstream.policy, slowStartMs: 0 })
    assert.deepEqual(weights(), [2])
    assert.equal(clock.pending, 0)
    await upstream.close(0)
  })

  it('leaves no timer behind when its upstream is closed', async () => {
    const { upstream, clock } = start()
    upstream.setMembers([instance(1)])
    assert.equal(clock.pending, 1)
    await upstream.close(0)
    assert.equal(clock.pending, 0)
  })

  for (const kind of Object.keys(balancerTable).filter((kind) => kind !== 'round-robin')) {
    it(`gets its share by that weight from ${kind}`, async () => {
      const { upstream, clock } = start(kind)
      upstream.setMembers([instance(1)])
      await clock.advance(60_000)
      upstream.setMembers([instance(1), instance(2)])
      const fresh = countPicks(11_000, (i) => pickOf(upstream, i)).get('127.0.0.1:2') ?? 0
      assert.ok(Math.abs(fresh - 1_000) < 150, `${fresh} of 11000`)
      await clock.advance(31_000)
      const warm = countPicks(10_000, (i) => pickOf(upstream, i)).get('127.0.0.1:2') ?? 0
      assert.ok(Math.abs(warm - 5_000) < 400, `${warm} of 10000`)
    })
  }
})

function pickOf(upstream: Upstream, client: number) {
  const endpoint = upstream.pick(askerWith(client), [])
  return endpoint && { endpoint, weight: 1 }
}
