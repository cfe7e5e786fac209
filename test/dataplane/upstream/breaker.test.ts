import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Breaker } from '../../../src/dataplane/upstream/breaker.ts'
import type { Outcome } from '../../../src/dataplane/upstream/outcome.ts'
import type { BreakerPolicy } from '../../../src/dataplane/upstream/policy.ts'
import { RollingCounts } from '../../../src/dataplane/upstream/rolling-counts.ts'

const policy: BreakerPolicy = {
  failureRatio: 0.5,
  minRequests: 10,
  windowMs: 10_000,
  openMs: 5_000,
  trials: 3,
  on: { connect: true, reset: true, timeout: true, statuses: [[502, 504]] },
}

const answered = (status: number): Outcome => ({ attempts: 1, endpoint: null, failure: null, status })
const failed = (code: 'upstream_reset' | 'client_gone'): Outcome => ({
  attempts: 1,
  endpoint: null,
  failure: { code, detail: '' },
  status: 0,
})

function start(changes: Partial<BreakerPolicy> = {}) {
  const states: string[] = []
  const breaker = new Breaker({ ...policy, ...changes }, (state) => void states.push(state))
  const send = (times: number, outcome: Outcome, now: number): number => {
    let passed = 0
    for (let i = 0; i < times; i++) {
      if (breaker.admit(now) !== null) continue
      passed++
      breaker.settle(breaker.term, outcome, now)
    }
    return passed
  }
  return { breaker, states, send }
}

describe('a breaker', () => {
  it('opens when the share of failures is reached, not before there are enough requests, and says when to come again', () => {
    const { breaker, send, states } = start()
    send(5, answered(200), 0)
    send(4, answered(503), 0)
    assert.equal(breaker.state, 'closed')
    send(1, answered(503), 0)
    assert.deepEqual([breaker.state, breaker.opened, states], ['open', 1, ['open']])
    assert.equal(breaker.admit(2_000), 3_000)
    assert.equal(breaker.waitMs(2_000), 3_000)
  })

  it('closes after as many trials as it wants, and lets no more through meanwhile', () => {
    const { breaker, send, states } = start()
    send(10, failed('upstream_reset'), 0)
    const terms = [0, 1, 2].map(() => {
      assert.equal(breaker.admit(5_000), null)
      return breaker.term
    })
    assert.equal(breaker.admit(5_000), 1_000)
    for (const term of terms.slice(1)) breaker.settle(term, answered(200), 5_100)
    assert.equal(breaker.state, 'half_open')
    breaker.settle(terms[0] ?? -1, answered(200), 5_200)
    assert.deepEqual(states, ['open', 'half_open', 'closed'])
    send(9, answered(503), 5_300)
    assert.equal(breaker.state, 'closed', 'what was counted before it opened is forgotten')
  })

  it('opens again when a trial fails', () => {
    const { breaker, send, states } = start()
    send(10, failed('upstream_reset'), 0)
    send(1, answered(503), 5_000)
    assert.deepEqual(states, ['open', 'half_open', 'open'])
    assert.equal(breaker.admit(9_999), 1)
    assert.equal(breaker.admit(10_000), null)
  })

  it('gives the place of a trial that says nothing to another one, and does not wait for ever for one that does not end', () => {
    const { breaker, send } = start({ trials: 1 })
    send(10, failed('upstream_reset'), 0)
    assert.equal(send(3, failed('client_gone'), 5_000), 3)
    assert.equal(breaker.admit(5_000), null)
    assert.equal(breaker.admit(9_999), 1_000)
    assert.equal(breaker.admit(10_000), null)
    assert.equal(breaker.state, 'half_open')
  })

  it('takes no notice of what was under way when it changed its state', () => {
    const { breaker, send } = start()
    const before = breaker.term
    send(10, failed('upstream_reset'), 0)
    breaker.admit(5_000)
    for (let i = 0; i < 10; i++) breaker.settle(before, answered(200), 5_000)
    assert.equal(breaker.state, 'half_open')
    breaker.settle(before, failed('upstream_reset'), 5_000)
    assert.equal(breaker.state, 'half_open')
  })

  it('counts neither what clients do nor statuses that are no failures', () => {
    const { breaker, send } = start()
    send(50, failed('client_gone'), 0)
    send(50, answered(500), 0)
    assert.deepEqual([breaker.state, breaker.counts.total, breaker.counts.failed], ['closed', 50, 0])
  })

  it('looks back no further than its window', () => {
    const { breaker, send } = start()
    send(9, answered(503), 0)
    send(1, answered(503), 10_000)
    assert.deepEqual([breaker.state, breaker.counts.total], ['closed', 1])
  })
})

describe('counts of a window', () => {
  it('are those of the window, to a tenth of it, whenever things happen', () => {
    const step = fc.record({ afterMs: fc.nat(400), isFailure: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const counts = new RollingCounts(1_000)
        const all: { at: number; isFailure: boolean }[] = []
        let now = 12_345
        for (const { afterMs, isFailure } of steps) {
          now += afterMs
          counts.add(isFailure, now)
          all.push({ at: now, isFailure })
        }
        const within = (ms: number) => all.filter(({ at }) => at > now - ms)
        assert.ok(counts.total >= within(900).length && counts.total <= within(1_001).length)
        const failures = (ms: number) => within(ms).filter(({ isFailure }) => isFailure).length
        assert.ok(counts.failed >= failures(900) && counts.failed <= failures(1_001))
      }),
    )
  })
})
