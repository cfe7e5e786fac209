import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MemberUpdate } from '../../../src/dataplane/upstream/members.ts'
import { Subset } from '../../../src/dataplane/upstream/subset.ts'
import { Upstream } from '../../../src/dataplane/upstream/upstream.ts'
import type { Where } from '../../../src/dataplane/upstream/where.ts'
import { askerWith, deps } from '../../support/balancing.ts'
import { upstreamPolicy } from '../../support/upstream-policy.ts'

const asker = askerWith()

function instance(port: number, parts: Partial<MemberUpdate> = {}): MemberUpdate {
  return { id: `i-${port}`, address: { host: '127.0.0.1', port }, weight: 1, exclusion: null, ...parts }
}

function upstreamOf(...members: readonly MemberUpdate[]): Upstream {
  const upstream = new Upstream('shop', upstreamPolicy(), deps(1))
  upstream.setMembers(members)
  return upstream
}

function portsOf(subset: Subset, picks = 20): readonly number[] {
  const picked = Array.from({ length: picks }, () => subset.pick(asker, [])?.address.port ?? 0)
  return [...new Set(picked)].toSorted()
}

describe('a subset of an upstream', () => {
  const members = [
    instance(1, { meta: { version: 'v1', zone: 'a' } }),
    instance(2, { meta: { version: 'v2', zone: 'a' } }),
    instance(3, { tags: ['version=v1', 'canary'] }),
    instance(4),
  ]

  const cases: readonly (readonly [Where, readonly number[]])[] = [
    [{ version: 'v1' }, [1, 3]],
    [{ version: 'v1', zone: 'a' }, [1]],
    [{ tag: 'canary' }, [3]],
    [{ tag: 'version=v1' }, [3]],
    [{ version: 'V1' }, [0]],
    [{ constructor: 'x' }, [0]],
  ]
  for (const [where, ports] of cases) {
    it(`where ${JSON.stringify(where)} has the instances ${ports.join(', ')}`, () => {
      assert.deepEqual(portsOf(new Subset(upstreamOf(...members), where)), ports)
    })
  }

  it('takes another balancer with its upstream, if it lives longer than a config', () => {
    const upstream = upstreamOf(...members)
    const subset = new Subset(upstream, { version: 'v1' })
    assert.deepEqual(portsOf(subset), [1, 3])
    for (const { endpoint } of upstream.members.all) if (endpoint.address.port === 1) endpoint.inFlight = 5
    upstream.setPolicy(upstreamPolicy({ balance: { kind: 'least-requests', options: {} } }))
    assert.deepEqual(portsOf(subset), [3])
  })

  it('follows its upstream, and never picks who is not eligible', () => {
    const upstream = upstreamOf(...members)
    const subset = new Subset(upstream, { version: 'v1' })
    assert.deepEqual(portsOf(subset), [1, 3])
    upstream.setMembers([
      instance(1, { meta: { version: 'v1' }, exclusion: 'probe_failing' }),
      instance(5, { tags: ['version=v1'] }),
    ])
    assert.deepEqual(portsOf(subset), [5])
    upstream.setMembers([instance(5, { meta: { version: 'v2' } })])
    assert.deepEqual(portsOf(subset), [0])
  })

  it('takes another instance of the subset for the next attempt, and says who is missing when there is none', () => {
    const upstream = upstreamOf(...members)
    const subset = new Subset(upstream, { version: 'v1' })
    const first = subset.pick(asker, [])
    assert.ok(first)
    const second = subset.pick(asker, [first])
    assert.deepEqual([first.address.port, second?.address.port].toSorted(), [1, 3])
    assert.equal(new Subset(upstream, { version: 'v9' }).whyNone().code, 'no_instance')
    assert.match(new Subset(upstream, { version: 'v9' }).whyNone().detail, /"shop" where \{ version: v9 \}/)
    upstream.setMembers([instance(1, { meta: { version: 'v1' }, exclusion: 'maintenance' }), instance(2)])
    const { code, detail } = subset.whyNone()
    assert.equal(code, 'no_healthy_instance')
    assert.equal(detail, '1 known where { version: v1 }: 1 in maintenance')
  })

  it('has turns of its own: requests to one subset do not move those of another', () => {
    const upstream = upstreamOf(...members)
    const subset = new Subset(upstream, { version: 'v1' })
    const ports = Array.from({ length: 8 }, () => {
      upstream.pick(asker, [])
      return subset.pick(asker, [])?.address.port
    })
    assert.equal(ports.filter((port) => port === 1).length, 4)
  })
})
