import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReturningWriters } from '../../src/registry-server/store/returning-writers.ts'

const come = (returning: ReturningWriters, writers: number): void => {
  for (let n = 0; n < writers; n++) returning.came()
}

test('two halves that take turns become one: the second is waited for, half as long as a commit takes', () => {
  const returning = new ReturningWriters()
  come(returning, 8)
  assert.equal(returning.areExpected(0), false)
  returning.answered(8, 10, 1)
  come(returning, 8)
  returning.answered(8, 20, 1)
  // Those of the first commit who have come back do not count any more; of the second all 8 are on their way.
  come(returning, 8)
  returning.answered(8, 30, 1)
  come(returning, 7)
  assert.equal(returning.areExpected(30.4), true)
  assert.equal(returning.areExpected(30.6), false)
  come(returning, 1)
  assert.equal(returning.areExpected(30.4), false)
})

test('one writer alone never waits, and nobody waits longer than 2 ms', () => {
  const returning = new ReturningWriters()
  for (let n = 0; n < 5; n++) {
    returning.came()
    assert.equal(returning.areExpected(n), false)
    returning.answered(1, n, 1)
  }
  returning.answered(4, 10, 500)
  assert.equal(returning.areExpected(11.9), true)
  assert.equal(returning.areExpected(12.1), false)
})
