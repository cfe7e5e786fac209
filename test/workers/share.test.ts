import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as forAll, integer, property } from 'fast-check'
import { shareOf } from '../../src/workers/share.ts'

const whole = integer({ min: 0, max: 100_000 })
const count = integer({ min: 1, max: 256 })

test('the shares of a limit are the limit together, and nobody is left without', () => {
  forAll(
    property(whole, count, (limit, of) => {
      const shares = Array.from({ length: of }, (_, worker) => shareOf(limit, { worker, of }))
      const sum = shares.reduce((total, share) => total + share, 0)
      assert.equal(sum, limit === 0 ? 0 : Math.max(limit, of))
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1)
    }),
  )
})
