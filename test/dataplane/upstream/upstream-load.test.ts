import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergedLoad, type UpstreamLoad } from '../../../src/dataplane/upstream/upstream-load.ts'

const calm: UpstreamLoad = {
  inFlight: 1,
  retriesLeft: 10,
  breaker: { state: 'closed', requests: 20, failed: 1, retryInMs: 0, opened: 0 },
  concurrency: { active: 1, waiting: 0 },
  closed: null,
  pipeliningOff: {},
}
const troubled: UpstreamLoad = {
  inFlight: 2,
  retriesLeft: 3,
  breaker: { state: 'open', requests: 10, failed: 9, retryInMs: 700, opened: 2 },
  concurrency: { active: 2, waiting: 5 },
  closed: { code: 'circuit_open', detail: '9 of 10 failed' },
  pipeliningOff: { '127.0.0.1:80': 'answered out of order' },
}

test('several data planes are told as one: sums, and the worst of what cannot be added', () => {
  for (const [one, other] of [
    [calm, troubled],
    [troubled, calm],
  ] as const)
    assert.deepEqual(mergedLoad(one, [other]), {
      inFlight: 3,
      retriesLeft: 13,
      breaker: { state: 'open', requests: 30, failed: 10, retryInMs: 700, opened: 2 },
      concurrency: { active: 3, waiting: 5 },
      closed: null,
      pipeliningOff: { '127.0.0.1:80': 'answered out of order' },
    })
})

test('nobody gets in only if nobody gets in anywhere', () => {
  assert.equal(mergedLoad(troubled, [troubled]).closed?.code, 'circuit_open')
})

test('one that has no breaker or limit yet, as before its first config, hides none of the others', () => {
  const bare = { ...calm, breaker: null, concurrency: null }
  assert.deepEqual(mergedLoad(bare, [troubled]).breaker, troubled.breaker)
  assert.deepEqual(mergedLoad(troubled, [bare]).concurrency, troubled.concurrency)
})
