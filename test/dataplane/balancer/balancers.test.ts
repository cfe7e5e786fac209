import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Random } from '../../../src/clock.ts'
import type { Candidate } from '../../../src/dataplane/balancer/balancer.ts'
import { balancerTable, createBalancer } from '../../../src/dataplane/balancer/table.ts'
import { GatewayError } from '../../../src/errors.ts'
import { requestHead } from '../../support/request-head.ts'

interface TestCandidate extends Candidate {
  readonly endpoint: { readonly key: string; inFlight: number }
}

const request = requestHead()

for (const name of Object.keys(balancerTable)) {
  describe(`the balancer ${name}`, () => {
    it('gives null for an empty list and nothing else', () => {
      const balancer = createBalancer(name, seeded(1))
      assert.equal(balancer.pick([], request), null)
      const [only] = candidates(1)
      assert.equal(balancer.pick(only ? [only] : [], request), only)
      assert.equal(balancer.pick([], request), null)
    })

    it('picks from the list of this call, however the lists change', () => {
      fc.assert(
        fc.property(fc.array(fc.array(fc.nat(4), { maxLength: 5 }), { maxLength: 30 }), fc.nat(), (calls, seed) => {
          const balancer = createBalancer(name, seeded(seed))
          const known = candidates(1, 2, 3, 4, 5)
          for (const places of calls) {
            const list = places.flatMap((place) => known[place] ?? [])
            const picked = balancer.pick(list, request)
            assert.ok(list.length === 0 ? picked === null : picked !== null && list.includes(picked))
          }
        }),
      )
    })

    it('gives equals the same share within a tenth, also when each call brings a new list of the same', () => {
      const balancer = createBalancer(name, seeded(7))
      const equals = candidates(1, 1, 1, 1)
      const counts = countPicks(4000, () => balancer.pick([...equals], request))
      for (const { endpoint } of equals)
        assert.ok(Math.abs((counts.get(endpoint.key) ?? 0) - 1000) <= 100, `${endpoint.key}: ${counts.get(endpoint.key)}`)
    })

    it('uses the ones that are left when one is gone, and the new one when one comes', () => {
      const balancer = createBalancer(name, seeded(3))
      const [a, b, c] = candidates(1, 1, 1)
      assert.ok(a && b && c)
      const pick = (list: TestCandidate[]) => () => balancer.pick(list, request)
      countPicks(100, pick([a, b]))
      assert.deepEqual([...countPicks(100, pick([a, c])).keys()].toSorted(), [a.endpoint.key, c.endpoint.key])
      assert.equal(countPicks(300, pick([a, b, c])).size, 3)
    })
  })
}

for (const name of ['weighted', 'least-requests']) {
  describe(`the balancer ${name}, which promises weights,`, () => {
    it('gives shares by weight within a tenth when nothing is under way', () => {
      const balancer = createBalancer(name, seeded(11))
      const list = candidates(1, 2, 5)
      const counts = countPicks(8000, () => balancer.pick(list, request))
      for (const { endpoint, weight } of list) {
        const share = (counts.get(endpoint.key) ?? 0) / 1000
        assert.ok(Math.abs(share - weight) <= weight / 10, `${endpoint.key}: ${share}`)
      }
    })
  })
}

describe('the balancer round-robin', () => {
  it('takes turns exactly, from a place that chance chooses', () => {
    const list = candidates(1, 1, 1)
    const firsts = new Set<string>()
    for (let seed = 0; seed < 30; seed++) {
      const balancer = createBalancer('round-robin', seeded(seed))
      const keys = Array.from({ length: 6 }, () => balancer.pick(list, request)?.endpoint.key ?? '')
      assert.equal(new Set(keys.slice(0, 3)).size, 3)
      assert.deepEqual(keys.slice(3), keys.slice(0, 3))
      firsts.add(keys[0] ?? '')
    }
    assert.equal(firsts.size, 3)
  })
})

describe('the balancer weighted', () => {
  it('spreads the turns of a heavy one', () => {
    assert.equal(order(candidates(5, 1, 1), 7), 'e0 e0 e1 e0 e2 e0 e0')
  })

  it('goes on where it stopped when the list is replaced by one with the same endpoints', () => {
    const balancer = createBalancer('weighted', seeded(1))
    const list = candidates(2, 1)
    const keys = Array.from(
      { length: 6 },
      () =>
        balancer.pick(
          list.map((candidate) => ({ ...candidate })),
          request,
        )?.endpoint.key,
    )
    assert.deepEqual(keys, ['e0', 'e1', 'e0', 'e0', 'e1', 'e0'])
  })

  it('follows a weight that changes', () => {
    const balancer = createBalancer('weighted', seeded(1))
    const [a, b] = candidates(1, 1)
    assert.ok(a && b)
    countPicks(10, () => balancer.pick([a, b], request))
    const counts = countPicks(100, () => balancer.pick([a, { ...b, weight: 9 }], request))
    assert.ok(Math.abs((counts.get('e1') ?? 0) - 90) <= 1)
  })
})

describe('the balancer least-requests', () => {
  it('picks the one with the fewest attempts under way for its weight', () => {
    const balancer = createBalancer('least-requests', seeded(1))
    const [a, b, c] = candidates(1, 1, 4)
    assert.ok(a && b && c)
    Object.assign(a.endpoint, { inFlight: 2 })
    Object.assign(b.endpoint, { inFlight: 1 })
    Object.assign(c.endpoint, { inFlight: 3 })
    assert.equal(balancer.pick([a, b, c], request), c)
    c.endpoint.inFlight = 5
    assert.equal(balancer.pick([a, b, c], request), b)
  })

  it('fills up by weight when nothing ends', () => {
    const balancer = createBalancer('least-requests', seeded(2))
    const list = candidates(1, 3)
    for (let i = 0; i < 400; i++) {
      const picked = balancer.pick(list, request)
      if (picked) picked.endpoint.inFlight++
    }
    assert.deepEqual(
      list.map(({ endpoint }) => endpoint.inFlight),
      [100, 300],
    )
  })
})

describe('the table of balancers', () => {
  it('refuses a name that it does not have and says which it has', () => {
    for (const name of ['fastest', '', 'constructor', '__proto__']) {
      assert.throws(
        () => createBalancer(name, seeded(1)),
        (error) => error instanceof GatewayError && error.code === 'config_invalid' && error.message.includes('least-requests'),
      )
    }
  })
})

/** The keys of the first picks, with a new list each time. */
function order(list: readonly TestCandidate[], picks: number): string {
  const balancer = createBalancer('weighted', seeded(1))
  return Array.from({ length: picks }, () => balancer.pick([...list], request)?.endpoint.key).join(' ')
}

function candidates(...weights: readonly number[]): TestCandidate[] {
  return weights.map((weight, i) => ({ endpoint: { key: `e${i}`, inFlight: 0 }, weight }))
}

function countPicks(times: number, pick: () => Candidate | null): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i < times; i++) {
    const key = pick()?.endpoint.key ?? 'none'
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

function seeded(seed: number): Random {
  let state = seed
  // Mulberry32.
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
