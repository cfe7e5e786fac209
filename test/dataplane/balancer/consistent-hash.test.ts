import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { askerWith, balancerOf, candidates, countPicks, type TestCandidate } from '../../support/balancing.ts'
import { requestHead } from '../../support/request-head.ts'

const keys = 20_000

function placesOf(list: readonly TestCandidate[], options: unknown = {}): readonly string[] {
  const balancer = balancerOf('consistent-hash', 1, options)
  return Array.from({ length: keys }, (_, client) => balancer.pick(list, askerWith(client))?.endpoint.key ?? '')
}

function moved(before: readonly string[], after: readonly string[]): number {
  return before.filter((key, at) => key !== after[at]).length / keys
}

describe('the balancer consistent-hash', () => {
  for (const by of ['client.ip', 'path', 'header x-user', 'header X-User', 'cookie uid']) {
    it(`sends requests with the same ${by} to the same endpoint, and different ones to all`, () => {
      const list = candidates(1, 1, 1, 1, 1)
      const [first, second] = [placesOf(list, { by }), placesOf(list.toReversed(), { by })]
      assert.deepEqual(first, second)
      assert.equal(new Set(first).size, 5)
    })
  }

  it('moves only the keys of one that goes, and gives one that comes no more than its share', () => {
    const list = candidates(...Array<number>(10).fill(1))
    const before = placesOf(list)
    const without = placesOf(list.slice(0, 9))
    const lost = before.filter((key) => key === 'e9').length / keys
    assert.equal(moved(before, without), lost)
    assert.ok(lost <= 0.11, `${lost} of the keys moved`)
    assert.equal(moved(without, before), lost)
  })

  it('moves only what a heavier weight wins', () => {
    const list = candidates(1, 1, 1, 1)
    const before = placesOf(list)
    const after = placesOf(list.map((candidate, at) => (at === 0 ? { ...candidate, weight: 2 } : candidate)))
    for (const [at, key] of after.entries()) if (key !== before[at]) assert.equal(key, 'e0')
    assert.ok(Math.abs(after.filter((key) => key === 'e0').length / keys - 0.4) < 0.02)
  })

  it('gives nobody more than 1.25 times its share of what is under way, not even of a single key', () => {
    for (const client of [() => 1, (i: number) => i % 3, (i: number) => i]) {
      const balancer = balancerOf('consistent-hash', 1)
      const list = candidates(1, 1, 1, 1, 2)
      for (let i = 1; i <= 1_200; i++) {
        const picked = balancer.pick(list, askerWith(client(i)))
        assert.ok(picked)
        picked.endpoint.inFlight++
        const bound = Math.ceil((1.25 * i * picked.weight) / 6)
        assert.ok(picked.endpoint.inFlight <= bound, `${picked.endpoint.inFlight} of ${i} under way at ${picked.endpoint.key}`)
      }
    }
  })

  it('sends requests without the key anywhere, by weight', () => {
    const balancer = balancerOf('consistent-hash', 3, { by: 'cookie session' })
    const asker = { request: requestHead(), trusted: false }
    const counts = countPicks(4_000, () => balancer.pick(candidates(1, 3), asker))
    assert.ok(Math.abs((counts.get('e1') ?? 0) - 3_000) < 200)
  })

  it('tells clients behind a trusted proxy apart, and believes no other', () => {
    const balancer = balancerOf('consistent-hash', 3)
    const list = candidates(1, 1, 1, 1)
    const through = (trusted: boolean) =>
      countPicks(100, (i) =>
        balancer.pick(list, { request: requestHead({ headers: ['X-Forwarded-For', `198.51.100.${i}`] }), trusted }),
      )
    assert.equal(through(true).size, 4)
    assert.equal(through(false).size, 1)
  })

  it('refuses a key that it does not know', () => {
    for (const by of ['', 'header', 'header x y', 'query q', 'cookie  uid', 7]) {
      assert.throws(() => balancerOf('consistent-hash', 1, { by }), { code: 'config_invalid' })
    }
  })
})
