import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { array, assert as assertProperty, double, property } from 'fast-check'
import { claimText, partByDemand, readClaim, roomBeside, type Claim } from '../../../src/controlplane/quotas/parts.ts'

const demand = double({ min: 0, max: 20, noNaN: true })

describe('parts by demand', () => {
  it('are the whole limit, whatever the demands, and nobody has nothing', () => {
    assertProperty(
      property(array(demand, { minLength: 1, maxLength: 30 }), (demands) => {
        const claims = demands.map((of): Claim => ({ claimed: 0, demand: of, isEqual: false }))
        const parts = demands.map((of, at) => partByDemand(of, claims.toSpliced(at, 1)))
        assert.ok(Math.abs(parts.reduce((sum, part) => sum + part, 0) - 1) < 1e-9)
        assert.ok(parts.every((part) => part > 0))
        // More is not given to who wants less.
        for (const [at, of] of demands.entries())
          for (const [other, than] of demands.entries()) if (of > than) assert.ok((parts[at] ?? 0) >= (parts[other] ?? 0) - 1e-12)
      }),
    )
  })

  it('leave alone what those have who come, with equal parts', () => {
    const coming: Claim = { claimed: 0.25, demand: 0, isEqual: true }
    const others: readonly Claim[] = [coming, { claimed: 0.5, demand: 1, isEqual: false }]
    assert.ok(Math.abs(partByDemand(1, others) - 0.375) < 1e-9)
    assert.equal(roomBeside(others), 0.25)
    assert.equal(roomBeside([coming, coming, coming, coming, coming]), 0)
  })
})

describe('a claim', () => {
  it('is read as it was told, and not at all when it makes no sense', () => {
    const claim: Claim = { claimed: 0.25, demand: 1.5, isEqual: true }
    const told: unknown = JSON.parse(JSON.stringify(claimText(claim, 1_000)))
    assert.deepEqual(told, [0.25, 1_500, 1])
    assert.deepEqual(readClaim(told, 1_000), claim)
    assert.equal(readClaim(told, 100)?.demand, 15, 'of a limit that is a tenth of it')
    for (const wrong of [null, {}, [], [0.5], ['0.5', 1, 0], [2, 1, 0], [-0.1, 1, 0], [0.5, -1, 0], [Number.NaN, 1, 0]])
      assert.equal(readClaim(wrong, 1_000), null, JSON.stringify(wrong))
  })
})
