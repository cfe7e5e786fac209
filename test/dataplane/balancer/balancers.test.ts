import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { z } from 'zod'
import type { Balancer } from '../../../src/dataplane/balancer/balancer.ts'
import { balancerTable, createBalancer } from '../../../src/dataplane/balancer/table.ts'
import { GatewayError } from '../../../src/errors.ts'
import { askerWith, balancerOf, candidates, countPicks, deps, type TestCandidate } from '../../support/balancing.ts'

const request = askerWith()

/** One for which all draws are the same, so that only its state makes a difference. */
function undrawnBalancer(kind: string): Balancer {
  return createBalancer({ kind, options: {} }, { ...deps(1), random: () => 0.6 })
}

for (const name of Object.keys(balancerTable)) {
  describe(`the balancer ${name}`, () => {
    it('gives null for an empty list and nothing else', () => {
      const balancer = balancerOf(name, 1)
      assert.equal(balancer.pick([], request), null)
      const [only] = candidates(1)
      assert.equal(balancer.pick(only ? [only] : [], request), only)
      assert.equal(balancer.pick([], request), null)
    })

    it('picks from the list of this call, however the lists change', () => {
      fc.assert(
        fc.property(fc.array(fc.array(fc.nat(4), { maxLength: 5 }), { maxLength: 30 }), fc.nat(), (calls, seed) => {
          const balancer = balancerOf(name, seed)
          const known = candidates(1, 2, 3, 4, 5)
          for (const places of calls) {
            const list = places.flatMap((place) => known[place] ?? [])
            const picked = balancer.pick(list, request)
            assert.ok(list.length === 0 ? picked === null : picked !== null && list.includes(picked))
          }
        }),
      )
    })

    it('takes back a pick that was only tried out: the next one is the same', () => {
      for (const list of [candidates(1, 1, 1), candidates(1, 2, 5)]) {
        const [tried, other] = [undrawnBalancer(name), undrawnBalancer(name)]
        for (let i = 0; i < 20; i++) {
          const putBack = tried.save?.(list)
          const first = tried.pick(list, request)
          putBack?.()
          assert.equal(tried.pick(list, request), first)
          assert.equal(first, other.pick(list.slice(), request))
        }
      }
    })

    it('gives equals the same share within a tenth, also when each call brings a new list of the same', () => {
      const balancer = balancerOf(name, 7)
      const equals = candidates(1, 1, 1, 1)
      const counts = countPicks(8000, (i) => balancer.pick([...equals], askerWith(i)))
      for (const { endpoint } of equals)
        assert.ok(Math.abs((counts.get(endpoint.key) ?? 0) - 2000) <= 200, `${endpoint.key}: ${counts.get(endpoint.key)}`)
    })

    it('allocates nothing per pick', () => {
      // A fraction that a function returns may lie on the heap, whoever calls it: 0 does not.
      const balancer = createBalancer({ kind: name, options: {} }, { ...deps(1), random: () => 0 })
      const list = candidates(1, 2, 3, 4)
      assert.ok(allocatesNothing(balancer, list))
    })

    it('is named in config with or without settings, and made from what has been parsed before', () => {
      const kind = balancerTable[name as keyof typeof balancerTable]
      const parsed = kind.options.parse({})
      assert.deepEqual(kind.options.parse(parsed), parsed)
      assert.throws(() => createBalancer({ kind: name, options: { surprise: 1 } }, deps(1)), { code: 'config_invalid' })
      assert.ok(z.toJSONSchema(kind.options, { io: 'input' }).description)
    })

    it('uses the ones that are left when one is gone, and the new one when one comes', () => {
      const balancer = balancerOf(name, 3)
      const [a, b, c] = candidates(1, 1, 1)
      assert.ok(a && b && c)
      const pick = (list: TestCandidate[]) => (i: number) => balancer.pick(list, askerWith(i))
      countPicks(100, pick([a, b]))
      assert.deepEqual([...countPicks(100, pick([a, c])).keys()].toSorted(), [a.endpoint.key, c.endpoint.key])
      assert.equal(countPicks(300, pick([a, b, c])).size, 3)
    })
  })
}

for (const name of Object.keys(balancerTable)) {
  describe(`the balancer ${name}`, () => {
    it('gives shares by weight within a tenth when nothing is under way', () => {
      const balancer = balancerOf(name, 11)
      const list = candidates(1, 2, 5)
      const counts = countPicks(16_000, (i) => balancer.pick(list, askerWith(i)))
      for (const { endpoint, weight } of list) {
        const share = (counts.get(endpoint.key) ?? 0) / 2000
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
      const balancer = balancerOf('round-robin', seed)
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
    const balancer = balancerOf('weighted', 1)
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
    const balancer = balancerOf('weighted', 1)
    const [a, b] = candidates(1, 1)
    assert.ok(a && b)
    countPicks(10, () => balancer.pick([a, b], request))
    const counts = countPicks(100, () => balancer.pick([a, { ...b, weight: 9 }], request))
    assert.ok(Math.abs((counts.get('e1') ?? 0) - 90) <= 1)
  })
})

describe('the balancer least-requests', () => {
  it('picks the one with the fewest attempts under way for its weight', () => {
    const balancer = balancerOf('least-requests', 1)
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
    const balancer = balancerOf('least-requests', 2)
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
        () => createBalancer({ kind: name, options: {} }, deps(1)),
        (error) => error instanceof GatewayError && error.code === 'config_invalid' && error.message.includes('least-requests'),
      )
    }
  })
})

/** Whether many picks leave nothing on the heap. The compiler leaves something too, and takes its time: one clean round is proof enough. */
function allocatesNothing(balancer: Balancer, list: readonly TestCandidate[]): boolean {
  const picks = 10_000
  for (let round = 0; round < 200; round++) {
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < picks; i++) balancer.pick(list, request)
    const left = process.memoryUsage().heapUsed - before
    if (left >= 0 && left < picks) return true
  }
  return false
}

/** The keys of the first picks, with a new list each time. */
function order(list: readonly TestCandidate[], picks: number): string {
  const balancer = balancerOf('weighted', 1)
  return Array.from({ length: picks }, () => balancer.pick([...list], request)?.endpoint.key).join(' ')
}
