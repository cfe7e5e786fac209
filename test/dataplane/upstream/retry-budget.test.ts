import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RetryBudget } from '../../../src/dataplane/upstream/retry-budget.ts'

/** Retries in so many seconds in which every request and every retry fails. */
function retriesOf({ perSecond, seconds, ratio = 0.2 }: { perSecond: number; seconds: number; ratio?: number }): number {
  const budget = new RetryBudget()
  let retries = 0
  for (let i = 0; i < perSecond * seconds; i++) {
    budget.earn(ratio)
    for (let attempt = 1; attempt < 5; attempt++) if (budget.spend((i * 1000) / perSecond)) retries++
  }
  return retries
}

describe('the retry budget', () => {
  it('grants the share of the requests and no more when everything fails', () => {
    for (const [perSecond, seconds] of [
      [1_000, 10],
      [200, 60],
      [20, 100],
    ] as const) {
      const share = retriesOf({ perSecond, seconds }) / (perSecond * seconds)
      assert.ok(share > 0.19 && share <= 0.201, `${share} at ${perSecond}/s`)
    }
  })

  it('tells how many are left: as many as can be spent at once', () => {
    const budget = new RetryBudget()
    for (const earned of [0, 3, 100, 10_000]) {
      for (let i = 0; i < earned; i++) budget.earn(0.5)
      const told = budget.left(5_000)
      let spent = 0
      while (spent < 1_000 && budget.spend(5_000)) spent++
      assert.equal(told, spent)
      assert.equal(budget.left(5_000), 0)
    }
  })

  it('grants one per second where requests are few', () => {
    const retries = retriesOf({ perSecond: 1, seconds: 100 })
    assert.ok(retries >= 100 && retries <= 111, `${retries}`)
  })

  it('grants a few at once at the start, and many after a time in which nothing failed, but not without end', () => {
    const budget = new RetryBudget()
    const spendAll = (): number => {
      let spent = 0
      while (budget.spend(0)) spent++
      return spent
    }
    assert.equal(spendAll(), 10)
    for (let i = 0; i < 1_000; i++) budget.earn(0.2)
    const earned = spendAll()
    assert.ok(earned === 189 || earned === 190, `${earned}`)
    for (let i = 0; i < 100_000; i++) budget.earn(0.2)
    assert.equal(spendAll(), 500)
  })
})
