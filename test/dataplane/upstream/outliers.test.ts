import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { builtIn } from '../../../src/config/built-in.ts'
import type { Endpoint } from '../../../src/dataplane/upstream/endpoint.ts'
import type { Exclusion, MemberUpdate } from '../../../src/dataplane/upstream/members.ts'
import type { OutlierPolicy } from '../../../src/dataplane/upstream/outliers.ts'
import { Upstream } from '../../../src/dataplane/upstream/upstream.ts'
import { deps } from '../../support/balancing.ts'
import { upstreamPolicy } from '../../support/upstream-policy.ts'

const reset = { code: 'upstream_reset', detail: '' } as const
const allKinds = { connect: true, reset: true, timeout: true, statuses: [] }

function start(size: number, outlier: Partial<OutlierPolicy> = {}, panicRatio = 0) {
  const parts = deps(1)
  const policy = { ...builtIn.outlier, consecutive: 3, ejectMs: 10_000, maxEjectedRatio: 0.5, on: allKinds, ...outlier }
  const upstream = new Upstream('shop', upstreamPolicy({ outlier: policy, panicRatio }), parts)
  const list = (...exclusions: readonly (Exclusion | null)[]): void =>
    upstream.setMembers(
      exclusions.map((exclusion, at): MemberUpdate => ({
        id: `i${at}`,
        address: { host: '127.0.0.1', port: at + 1 },
        weight: exclusion === 'weight_zero' ? 0 : 1,
        exclusion,
      })),
    )
  list(...Array<null>(size).fill(null))
  const endpoint = (at: number): Endpoint => {
    const found = upstream.members.all[at]?.endpoint
    assert.ok(found)
    return found
  }
  const fail = (at: number, times = 3): void => {
    for (let i = 0; i < times; i++) upstream.noteFailure(endpoint(at), reset)
  }
  const eligible = (): string => upstream.members.eligible.map(({ id }) => id).join(' ')
  return { upstream, clock: parts.clock, list, endpoint, fail, eligible }
}

/** A failure for each x, an answer for each dot. */
function answer(upstream: Upstream, endpoint: Endpoint, pattern: string): void {
  for (const one of pattern) {
    if (one === 'x') upstream.noteFailure(endpoint, reset)
    else upstream.noteAnswer(endpoint, { status: 200, tookMs: 5 })
  }
}

/** Has all endpoints answer a dozen times per window of a second. */
async function answerAll(parts: ReturnType<typeof start>, took: readonly number[], windows = 1): Promise<void> {
  for (let at = 0; at < 12 * windows + 1; at++) {
    for (const [i, tookMs] of took.entries()) parts.upstream.noteAnswer(parts.endpoint(i), { status: 200, tookMs })
    await parts.clock.advance(1_000 / 12)
  }
}

describe('an endpoint that fails real requests', () => {
  it('is taken out after so many failures in a row, and is back after its time', async () => {
    const { upstream, clock, fail, eligible } = start(4)
    fail(0, 2)
    assert.equal(eligible(), 'i0 i1 i2 i3')
    fail(0, 1)
    assert.equal(eligible(), 'i1 i2 i3')
    assert.equal(upstream.members.all[0]?.exclusion, 'ejected')
    await clock.advance(4_000)
    assert.equal(upstream.ejectedForMs('127.0.0.1:1'), 6_000)
    await clock.advance(6_000)
    assert.equal(eligible(), 'i0 i1 i2 i3')
    assert.equal(upstream.ejectedForMs('127.0.0.1:1'), null)
    assert.equal(upstream.stats.ejections, 1)
  })

  it('stays as long as a success comes in between, as one that flaps one in three', () => {
    const { upstream, endpoint, fail, eligible } = start(2)
    for (let i = 0; i < 50; i++) {
      fail(0, 1)
      upstream.noteAnswer(endpoint(0), { status: 200, tookMs: 5 })
      upstream.noteAnswer(endpoint(0), { status: 500, tookMs: 5 })
    }
    assert.equal(eligible(), 'i0 i1')
  })

  it('is out for longer each time, ten times as long at the most, and is forgiven in good times', async () => {
    const { upstream, clock, fail } = start(4)
    const timesOut: number[] = []
    for (let i = 0; i < 12; i++) {
      fail(0)
      const forMs = upstream.ejectedForMs('127.0.0.1:1') ?? 0
      timesOut.push(forMs / 10_000)
      await clock.advance(forMs)
    }
    assert.deepEqual(timesOut, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10])
    await clock.advance(70_000)
    fail(0)
    assert.equal(upstream.ejectedForMs('127.0.0.1:1'), 40_000)
  })

  it('is not brought back before its time by its probe, nor by the registry saying the same again', async () => {
    const { clock, list, fail, eligible } = start(4)
    fail(0)
    list('probe_failing', null, null, null)
    list(null, null, null, null)
    assert.equal(eligible(), 'i1 i2 i3')
    list('probe_failing', null, null, null)
    await clock.advance(10_000)
    assert.equal(eligible(), 'i1 i2 i3')
    list(null, null, null, null)
    assert.equal(eligible(), 'i0 i1 i2 i3')
  })

  it('is told apart: only the kinds of failure and the statuses that count do', () => {
    const { upstream, endpoint, eligible } = start(6, {
      on: {
        connect: true,
        reset: false,
        timeout: false,
        statuses: [
          [502, 504],
          [429, 429],
        ],
      },
    })
    for (let i = 0; i < 3; i++) {
      upstream.noteFailure(endpoint(0), reset)
      upstream.noteFailure(endpoint(1), { code: 'upstream_connect_failed', detail: '' })
      upstream.noteFailure(endpoint(2), { code: 'client_gone', detail: '' })
      upstream.noteAnswer(endpoint(3), { status: 503, tookMs: 5 })
      upstream.noteAnswer(endpoint(4), { status: 500, tookMs: 5 })
      upstream.noteAnswer(endpoint(5), { status: 429, tookMs: 5 })
    }
    assert.equal(eligible(), 'i0 i2 i4')
  })

  it('is told with its reason and what is left of its time when nobody else is there', async () => {
    const { upstream, clock, list, fail } = start(1, { maxEjectedRatio: 1 })
    const told: unknown[] = []
    upstream.onEjection = (...event) => void told.push(event)
    fail(0)
    await clock.advance(2_000)
    assert.deepEqual(told, [['127.0.0.1:1', 10_000, '3 requests failed in a row']])
    assert.equal(upstream.whyNone().detail, '1 known: 1 ejected 8s')
    list('maintenance')
    assert.equal(upstream.whyNone().detail, '1 known: 1 in maintenance')
  })

  it('leaves no timer behind when its upstream is closed, also if it fails after that', async () => {
    const { upstream, clock, fail } = start(4)
    fail(0)
    await upstream.close(0)
    fail(1)
    assert.equal(clock.pending, 0)
  })
})

describe('an endpoint that fails a share of its requests', () => {
  it('is taken out once there are enough of them, never as long as it keeps below', () => {
    const { upstream, endpoint, eligible } = start(4, { consecutive: 100, failureRatio: 0.5, minRequests: 10 })
    answer(upstream, endpoint(0), '.x.x.x.x.')
    assert.equal(eligible(), 'i0 i1 i2 i3')
    answer(upstream, endpoint(0), 'x')
    assert.equal(eligible(), 'i1 i2 i3')
    assert.equal(upstream.whyEjected('127.0.0.1:1'), '5 of 10 requests failed within 10s')
    answer(upstream, endpoint(1), '..x'.repeat(200))
    assert.equal(eligible(), 'i1 i2 i3')
  })

  it('is judged by its window only', async () => {
    const { upstream, clock, endpoint, eligible } = start(4, { consecutive: 100, failureRatio: 0.5, minRequests: 10 })
    answer(upstream, endpoint(0), '.........')
    await clock.advance(10_000)
    answer(upstream, endpoint(0), 'xxxxxxxxx')
    assert.equal(eligible(), 'i0 i1 i2 i3')
    answer(upstream, endpoint(0), 'x')
    assert.equal(eligible(), 'i1 i2 i3')
  })
})

describe('an endpoint that is far slower than the others', () => {
  const slow = { slowTimes: 3, slowByMs: 50, minRequests: 10, windowMs: 1_000 }

  it('is taken out at the end of the window, with both times told', async () => {
    const parts = start(4, slow)
    await answerAll(parts, [20, 22, 200, 18])
    assert.equal(parts.eligible(), 'i0 i1 i3')
    assert.match(parts.upstream.whyEjected('127.0.0.1:3'), /^its answers took 200ms, those of the others 2\dms$/)
    assert.equal(parts.upstream.ejectedForMs('127.0.0.1:3'), 10_000 - 1_000 / 12)
  })

  it('stays while it is slower by little, or by few times, or all are slow, or there is nobody to compare with', async () => {
    for (const took of [
      [2, 2, 40, 2],
      [200, 200, 400, 200],
      [900, 800, 850, 900],
      [5, 500],
    ]) {
      const parts = start(took.length, slow)
      await answerAll(parts, took, 3)
      assert.equal(parts.eligible().split(' ').length, took.length, took.join(' '))
    }
  })

  it('stays for a single answer that took for ever, and for too few', async () => {
    const parts = start(4, slow)
    parts.upstream.noteAnswer(parts.endpoint(2), { status: 200, tookMs: 60_000 })
    await answerAll(parts, [20, 22, 21, 18])
    assert.equal(parts.eligible(), 'i0 i1 i2 i3')
    const few = start(4, slow)
    for (let i = 0; i < 9; i++) few.upstream.noteAnswer(few.endpoint(3), { status: 200, tookMs: 500 })
    await answerAll(few, [20, 22, 21])
    assert.equal(few.eligible(), 'i0 i1 i2 i3')
  })

  it('does not look fast because it fails fast', async () => {
    const on = { ...allKinds, statuses: [[500, 599]] as const }
    const parts = start(4, { ...slow, consecutive: 10_000, on })
    for (let at = 0; at < 13; at++) {
      for (const i of [0, 1, 2, 3]) {
        parts.upstream.noteAnswer(parts.endpoint(i), { status: i < 2 ? 503 : 200, tookMs: i < 2 ? 1 : 100 })
      }
      await parts.clock.advance(1_000 / 12)
    }
    assert.equal(parts.eligible(), 'i0 i1 i2 i3')
  })
})

describe('never more than the allowed share', () => {
  it('is ejected: a single one and one of three stay', () => {
    for (const [size, expected] of [
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 2],
      [10, 5],
    ] as const) {
      const { upstream, fail } = start(size)
      for (let round = 0; round < 3; round++) for (let at = 0; at < size; at++) fail(at)
      assert.equal(upstream.members.eligible.length, expected, `of ${size}`)
    }
  })

  it('is ejected of those who would be eligible: failing probes leave less room', () => {
    const { list, fail, eligible } = start(4)
    list('probe_failing', 'probe_failing', null, null)
    fail(2)
    fail(3)
    assert.equal(eligible(), 'i3')
  })

  it('is ejected, however members fail, leave and come back', () => {
    const step = fc.oneof(
      fc.record({ fail: fc.nat(5) }),
      fc.record({ fit: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { upstream, list, fail } = start(6)
        for (const one of steps) {
          if ('fail' in one) fail(one.fail)
          else list(...one.fit.map((fit) => (fit ? null : 'probe_failing')))
          const ejected = upstream.members.all.filter(({ exclusion }) => exclusion === 'ejected').length
          const among = ejected + upstream.members.eligible.length
          assert.ok(ejected <= among / 2, `${ejected} of ${among}`)
        }
      }),
    )
  })
})

describe('panic', () => {
  it('is off by default: with nobody eligible nobody is called', () => {
    const { list, eligible } = start(2)
    list('probe_failing', 'probe_failing')
    assert.equal(eligible(), '')
  })

  it('calls those who are said to be ill once too few are fit, never one in maintenance, without weight or not yet probed', () => {
    const { upstream, list, fail, eligible } = start(6, {}, 0.5)
    list(null, null, null, 'probe_failing', 'registry_critical', 'maintenance')
    assert.equal(eligible(), 'i0 i1 i2')
    assert.equal(upstream.members.isPanicking, false)
    fail(0)
    assert.equal(eligible(), 'i0 i1 i2 i3 i4')
    assert.equal(upstream.members.isPanicking, true)
    list('unprobed', 'weight_zero', null, 'probe_failing', 'registry_critical', 'maintenance')
    assert.equal(eligible(), 'i2 i3 i4')
    list(null, null, null, null, 'registry_critical', 'maintenance')
    assert.equal(upstream.members.isPanicking, false)
  })
})
