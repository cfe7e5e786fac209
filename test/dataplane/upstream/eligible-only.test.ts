import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { balancerTable } from '../../../src/dataplane/balancer/table.ts'
import type { Endpoint } from '../../../src/dataplane/upstream/endpoint.ts'
import type { Exclusion, MemberUpdate } from '../../../src/dataplane/upstream/members.ts'
import { Upstream } from '../../../src/dataplane/upstream/upstream.ts'
import { askerWith, deps } from '../../support/balancing.ts'
import { upstreamPolicy } from '../../support/upstream-policy.ts'

const exclusion = fc.constantFrom<Exclusion | null>(
  null,
  null,
  null,
  'unprobed',
  'probe_failing',
  'registry_critical',
  'maintenance',
)
const member = fc.record({
  port: fc.integer({ min: 1, max: 12 }),
  weight: fc.integer({ min: 1, max: 9 }),
  exclusion,
  isNear: fc.boolean(),
})
const swap = fc.record({ members: fc.uniqueArray(member, { selector: ({ port }) => port, maxLength: 12 }), picks: fc.nat(8) })

for (const kind of Object.keys(balancerTable)) {
  describe(`an upstream with ${kind}`, () => {
    it('never picks who is not eligible, picks somebody if anybody is, and for another attempt somebody untried, however members are swapped', () => {
      fc.assert(
        fc.property(fc.array(swap, { maxLength: 10 }), fc.nat(), (swaps, seed) => {
          const policy = upstreamPolicy({
            balance: { kind, options: {} },
            backup: { where: [{ tag: 'backup' }], spillBelowRatio: 0.5 },
          })
          const upstream = new Upstream('shop', policy, deps(seed))
          // Attempts under way at endpoints of any swap: load is what balancers look at.
          const busy: Endpoint[] = []
          for (const { members, picks } of swaps) {
            upstream.setMembers(members.map(updateOf))
            const eligible = new Set(members.filter((one) => one.exclusion === null).map(({ port }) => port))
            for (let i = 0; i < picks; i++) check(upstream, eligible, busy, seed + i)
            for (const endpoint of busy.splice(0, 3)) endpoint.inFlight--
          }
        }),
        { numRuns: 100 },
      )
    })
  })
}

function check(upstream: Upstream, eligible: ReadonlySet<number>, busy: Endpoint[], client: number): void {
  const tried: Endpoint[] = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const endpoint = upstream.pick(askerWith(client), tried)
    assert.equal(endpoint === null, eligible.size === 0)
    if (!endpoint) return
    assert.ok(eligible.has(endpoint.address.port), `${endpoint.key} is not eligible`)
    if (tried.length < eligible.size) assert.ok(!tried.includes(endpoint), `${endpoint.key} was tried, and there are others`)
    tried.push(endpoint)
    endpoint.inFlight++
    busy.push(endpoint)
  }
}

function updateOf({
  port,
  weight,
  exclusion: reason,
  isNear,
}: {
  port: number
  weight: number
  exclusion: Exclusion | null
  isNear: boolean
}): MemberUpdate {
  const tags = port % 4 === 0 ? ['backup'] : []
  return { id: `i-${port}`, address: { host: '127.0.0.1', port }, weight, exclusion: reason, isNear, tags }
}
