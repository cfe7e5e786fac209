import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { nextState, unprobed, type HealthState } from '../../src/health/state.ts'

const policy = { healthy: 2, unhealthy: 3 }

function after(results: string): HealthState {
  return Array.from(results).reduce((state, result) => nextState(state, result === '+', policy), unprobed)
}

test('the first result decides, whichever it is', () => {
  assert.equal(after('+').verdict, 'healthy')
  assert.equal(after('-').verdict, 'unhealthy')
})

test('a healthy endpoint becomes unhealthy at the third failure in a row', () => {
  assert.equal(after('+--').verdict, 'healthy')
  assert.equal(after('+---').verdict, 'unhealthy')
})

test('an endpoint that has become unhealthy is healthy again at the second pass in a row', () => {
  assert.equal(after('+---+').verdict, 'unhealthy')
  assert.equal(after('+---++').verdict, 'healthy')
})

test('an endpoint that has never passed becomes healthy with its first pass', () => {
  assert.equal(after('-+').verdict, 'healthy')
  assert.equal(after('-----+').verdict, 'healthy')
})

test('a result that agrees with the verdict starts the count anew', () => {
  assert.equal(after('+--+--').verdict, 'healthy')
  assert.equal(after('+---+-+').verdict, 'unhealthy')
})

test('the verdict never differs from the last result when the last results of one sort reach the threshold', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (results) => {
      const state = results.reduce((state, ok) => nextState(state, ok, policy), unprobed)
      const last = results.at(-1)
      const run = results.length - 1 - results.lastIndexOf(!last)
      if (run >= (last ? policy.healthy : policy.unhealthy)) assert.equal(state.verdict, last ? 'healthy' : 'unhealthy')
      assert.ok(state.against < Math.max(policy.healthy, policy.unhealthy))
    }),
  )
})
