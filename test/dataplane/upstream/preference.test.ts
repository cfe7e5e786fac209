import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { balancerTable } from '../../../src/dataplane/balancer/table.ts'
import type { MemberUpdate } from '../../../src/dataplane/upstream/members.ts'
import { Subset } from '../../../src/dataplane/upstream/subset.ts'
import { Upstream } from '../../../src/dataplane/upstream/upstream.ts'
import { askerWith, deps } from '../../support/balancing.ts'
import { upstreamPolicy, type PolicyParts } from '../../support/upstream-policy.ts'

/** Members in groups, by a name for each: `near x3` are three of them, of which the first `ill` are not eligible. */
interface Group {
  readonly name: string
  readonly count: number
  readonly ill?: number
  readonly parts?: Partial<MemberUpdate>
}

function membersOf(groups: readonly Group[]): MemberUpdate[] {
  let port = 0
  return groups.flatMap(({ name, count, ill = 0, parts }) =>
    Array.from({ length: count }, (_, at): MemberUpdate => {
      const exclusion = at < ill ? 'probe_failing' : null
      return { id: `${name}-${at}`, address: { host: '127.0.0.1', port: ++port }, weight: 1, exclusion, ...parts }
    }),
  )
}

function upstreamOf(groups: readonly Group[], policy: PolicyParts = {}): Upstream {
  const upstream = new Upstream('shop', upstreamPolicy(policy), deps(1))
  upstream.setMembers(membersOf(groups))
  return upstream
}

/** What share of many requests each group gets, by its name. */
function sharesOf(picker: Pick<Upstream, 'pick' | 'eligible'>, picks = 4_000): Record<string, number> {
  const names = new Map(picker.eligible.map(({ endpoint, id }) => [endpoint.key, id.replace(/-\d+$/, '')]))
  const shares: Record<string, number> = {}
  for (let i = 0; i < picks; i++) {
    const name = names.get(picker.pick(askerWith(i), [])?.key ?? '') ?? 'none'
    shares[name] = (shares[name] ?? 0) + 1 / picks
  }
  return shares
}

function assertShares(found: Readonly<Record<string, number>>, expected: Readonly<Record<string, number>>, what = ''): void {
  assert.deepEqual(Object.keys(found).toSorted(), Object.keys(expected).toSorted(), what)
  for (const [name, share] of Object.entries(expected)) {
    assert.ok(Math.abs((found[name] ?? 0) - share) < 0.05, `${what} ${name}: ${found[name]}, expected ${share}`)
  }
}

const far = { isNear: false }
const backup = { tags: ['backup'] }
const oneBackup = { where: [{ tag: 'backup' }], spillBelowRatio: 0 }

function zones(nearIll: number): Group[] {
  return [
    { name: 'near', count: 10, ill: nearIll },
    { name: 'far', count: 20, parts: far },
  ]
}

function withSpare(name: string, ill: number, parts: Partial<MemberUpdate> = {}): Group[] {
  return [
    { name, count: 3, ill, parts },
    { name: 'spare', count: 1, parts: backup },
  ]
}

function tiers(mainIll: number, backupIll: number): Group[] {
  return [
    { name: 'main', count: 4, ill: mainIll },
    { name: 'backup', count: 4, ill: backupIll, parts: backup },
    { name: 'last', count: 4, parts: { meta: { tier: 'last' } } },
  ]
}

for (const kind of Object.keys(balancerTable)) {
  describe(`zones and backups with ${kind}`, () => {
    const balance = { kind, options: {} }

    it('near instances get all while enough of them are eligible, and what they cannot carry goes to the far ones', () => {
      const policy = { balance, zoneSpillBelowRatio: 0.7 }
      const shares = (ill: number) => sharesOf(upstreamOf(zones(ill), policy))
      assertShares(shares(0), { near: 1 })
      assertShares(shares(3), { near: 1 })
      assertShares(shares(4), { near: 6 / 7, far: 1 / 7 }, 'six of ten')
      assertShares(shares(8), { near: 2 / 7, far: 5 / 7 }, 'two of ten')
      assertShares(shares(10), { far: 1 })
    })

    it('a backup waits until nobody else is left', () => {
      assertShares(sharesOf(upstreamOf(withSpare('main', 2), { balance, backup: oneBackup })), { main: 1 })
      assertShares(sharesOf(upstreamOf(withSpare('main', 3), { balance, backup: oneBackup })), { spare: 1 })
    })
  })
}

describe('an order of groups', () => {
  const where = [{ tag: 'backup' }, { tier: 'last' }]
  const shares = (mainIll: number, backupIll: number, spillBelowRatio: number) =>
    sharesOf(upstreamOf(tiers(mainIll, backupIll), { backup: { where, spillBelowRatio } }))

  it('is gone through as far as it must be', () => {
    assertShares(shares(4, 0, 0), { backup: 1 })
    assertShares(shares(4, 4, 0), { last: 1 })
    assertShares(shares(2, 2, 1), { main: 0.5, backup: 0.5 })
    assertShares(shares(3, 3, 1), { main: 0.25, backup: 0.25, last: 0.5 })
  })

  it('gives all there is to those that are left when all together are too few', () => {
    const few: readonly Group[] = [
      { name: 'main', count: 4, ill: 3 },
      { name: 'backup', count: 4, ill: 3, parts: backup },
    ]
    assertShares(sharesOf(upstreamOf(few, { backup: { where, spillBelowRatio: 1 } })), { main: 0.5, backup: 0.5 })
  })

  it('has zones inside: a near backup does not come before a far main instance', () => {
    assertShares(sharesOf(upstreamOf(withSpare('far', 0, far), { backup: oneBackup })), { far: 1 })
    assertShares(sharesOf(upstreamOf(withSpare('far', 3, far), { backup: oneBackup })), { spare: 1 })
  })
})

describe('who is preferred', () => {
  const groups: readonly Group[] = [
    { name: 'near', count: 1, parts: { meta: { version: 'v1' } } },
    { name: 'far', count: 2, parts: { ...far, meta: { version: 'v2' } } },
  ]

  it('is judged for a subset by its own instances', () => {
    const upstream = upstreamOf(groups)
    assertShares(sharesOf(upstream), { near: 1 })
    assertShares(sharesOf(new Subset(upstream, { version: 'v2' })), { far: 1 })
  })

  it('is nobody but the others once all the preferred have been tried', () => {
    const upstream = upstreamOf(groups)
    const first = upstream.pick(askerWith(), [])
    assert.ok(first)
    assert.equal(first.address.port, 1)
    const second = upstream.pick(askerWith(), [first])
    assert.ok(second && second.address.port > 1)
  })

  it('is everybody in panic, and when zones do not tell instances apart', () => {
    const ill: readonly Group[] = [
      { name: 'near', count: 2, ill: 1 },
      { name: 'far', count: 2, ill: 2, parts: far },
    ]
    assertShares(sharesOf(upstreamOf(ill, { panicRatio: 0.5 })), { near: 0.5, far: 0.5 })
    const allFar = upstreamOf([{ name: 'far', count: 2, parts: far }])
    assert.equal(allFar.members.preferred, allFar.members.eligible)
  })

  it('keeps weights and slow starts inside a level', () => {
    const upstream = upstreamOf(
      [
        { name: 'near', count: 2, ill: 1 },
        { name: 'light', count: 1, parts: far },
        { name: 'heavy', count: 1, parts: { ...far, weight: 3 } },
      ],
      { zoneSpillBelowRatio: 1, balance: { kind: 'random', options: {} } },
    )
    assertShares(sharesOf(upstream), { near: 0.5, light: 0.125, heavy: 0.375 })
  })

  it('is always one of the eligible, and somebody if anybody is, whatever the groups', () => {
    const group = fc.record({
      count: fc.nat(4),
      ill: fc.nat(4),
      isNear: fc.boolean(),
      tag: fc.constantFrom('a', 'b', 'c'),
      weight: fc.nat(3),
    })
    fc.assert(
      fc.property(fc.array(group, { maxLength: 6 }), fc.double({ min: 0, max: 1, noNaN: true }), (all, ratio) => {
        const upstream = upstreamOf(
          all.map(({ count, ill, isNear, tag, weight }, at) => ({
            name: `g${at}`,
            count,
            ill: weight === 0 ? count : ill,
            parts: { isNear, tags: [tag], weight },
          })),
          { zoneSpillBelowRatio: ratio, backup: { where: [{ tag: 'b' }, { tag: 'c' }], spillBelowRatio: ratio } },
        )
        const { eligible, preferred } = upstream.members
        const keys = new Set(eligible.map(({ endpoint }) => endpoint.key))
        assert.equal(preferred.length === 0, eligible.length === 0)
        assert.ok(preferred.every(({ endpoint, weight }) => keys.has(endpoint.key) && weight > 0 && weight < Infinity))
      }),
    )
  })
})
