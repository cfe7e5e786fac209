import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startChecker, type Checker } from '../../src/health/checker.ts'
import type { HealthPolicy } from '../../src/health/policy.ts'
import type { Probe, ProbeResult } from '../../src/health/probe.ts'
import { healthPolicy } from '../support/health-policy.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const target = { host: '127.0.0.1', port: 1 }
const base = healthPolicy({ jitterRatio: 0 })

const passing: Probe = () => Promise.resolve({ ok: true, detail: 'good' })

interface Rig {
  readonly clock: ManualClock
  readonly checker: Checker
  /** Manual ms at which probes started. */
  readonly startedAt: number[]
  readonly changes: string[]
  /** Ends the oldest probe that is under way. */
  readonly answer: (ok: boolean) => Promise<void>
  /** Makes probes answer at once. */
  readonly answerAll: (ok: boolean) => void
  readonly underWay: () => number
}

function rig(policy: Partial<HealthPolicy> = {}, random = () => 0.5): Rig {
  const clock = new ManualClock()
  const startedAt: number[] = []
  const changes: string[] = []
  const waiting: ((result: ProbeResult) => void)[] = []
  let always: boolean | null = null
  const probe: Probe = (_target, signal) => {
    startedAt.push(clock.monotonic())
    if (always !== null) return Promise.resolve({ ok: always, detail: always ? 'good' : 'bad' })
    return new Promise((resolve) => {
      waiting.push(resolve)
      signal.addEventListener('abort', () => waiting.splice(waiting.indexOf(resolve), 1))
    })
  }
  const onChange = (state: string, detail: string): void => void changes.push(`${clock.monotonic()} ${state} ${detail}`)
  const checker = startChecker({ target, policy: { ...base, ...policy }, probe, clock, random, onChange })
  return {
    clock,
    checker,
    startedAt,
    changes,
    underWay: () => waiting.length,
    answer: async (ok) => {
      waiting.shift()?.({ ok, detail: ok ? 'good' : 'bad' })
      await settle()
    },
    answerAll: (ok) => void (always = ok),
  }
}

test('the first probe goes out at once and its result decides', async () => {
  const { checker, startedAt, changes, answer } = rig()
  assert.deepEqual(startedAt, [0])
  assert.equal(checker.state, 'unknown')
  await answer(true)
  assert.equal(checker.state, 'healthy')
  assert.equal(checker.detail, 'good')
  assert.deepEqual(changes, ['0 healthy good'])
  checker.close()
})

test('a change is never told from inside startChecker', async () => {
  const changes: string[] = []
  const onChange = (state: string): void => void changes.push(state)
  const checker = startChecker({ target, policy: base, probe: passing, clock: new ManualClock(), random: () => 0.5, onChange })
  assert.deepEqual(changes, [])
  await settle()
  assert.deepEqual(changes, ['healthy'])
  checker.close()
})

test('a probe whose deadline comes late, since our own process stood still, has its time once more', async () => {
  const { clock, checker, changes, answer } = rig()
  clock.advanceSync(900)
  await clock.advance(0)
  assert.equal(checker.state, 'unknown')
  await answer(true)
  assert.deepEqual(changes, ['900 healthy good'])
  checker.close()
})

test('a probe that is not answered either when our own process runs again fails', async () => {
  const { clock, checker, changes } = rig()
  clock.advanceSync(900)
  await clock.advance(499)
  assert.equal(checker.state, 'unknown')
  clock.advanceSync(900)
  await clock.advance(0)
  assert.deepEqual(changes, ['2299 unhealthy no answer in 500ms'])
  checker.close()
})

test('a probe that does not answer fails at its timeout and is aborted', async () => {
  const { clock, checker, changes, underWay } = rig()
  await clock.advance(499)
  assert.equal(checker.state, 'unknown')
  await clock.advance(1)
  assert.deepEqual(changes, ['500 unhealthy no answer in 500ms'])
  assert.equal(underWay(), 0)
  checker.close()
})

test('only changes of the verdict are told, with the time of the last one', async () => {
  const { clock, checker, changes, answer, answerAll } = rig()
  await answer(true)
  answerAll(false)
  await clock.advance(2_000)
  assert.equal(checker.state, 'healthy')
  assert.equal(checker.detail, 'bad')
  await clock.advance(1_000)
  answerAll(true)
  await clock.advance(2_000)
  // The confirming pass comes half of the timeout after the first one.
  assert.deepEqual(changes, ['0 healthy good', '3000 unhealthy bad', '4250 healthy good'])
  assert.equal(checker.since, 4_250)
  checker.close()
})

test('jitter varies each interval around the planned time and does not add up', async () => {
  // The first draw is the place in the interval.
  const draws = [0, 0.5, 1, 0, 1, 0.5]
  const { clock, checker, startedAt, answerAll, answer } = rig({ jitterRatio: 0.2 }, () => draws.shift() ?? 0.5)
  answerAll(true)
  await answer(true)
  await clock.advance(5_000)
  assert.deepEqual(
    startedAt.map((at) => Math.round(at)),
    [0, 1_000, 2_200, 2_800, 4_200, 5_000],
  )
  checker.close()
})

test('trouble makes it probe at once, at most every 100 ms', async () => {
  const { clock, checker, startedAt, answerAll, answer } = rig()
  answerAll(true)
  await answer(true)
  for (let reports = 0; reports < 50; reports++) checker.probeNow()
  await clock.advance(50)
  for (let reports = 0; reports < 50; reports++) checker.probeNow()
  await clock.advance(50)
  assert.deepEqual(startedAt, [0, 100])
  await clock.advance(300)
  assert.deepEqual(startedAt, [0, 100])
  checker.probeNow()
  assert.deepEqual(startedAt, [0, 100, 400])
  checker.close()
})

test('trouble during a probe makes one more probe after it, never a second beside it', async () => {
  const { clock, checker, startedAt, answer, underWay } = rig()
  await clock.advance(200)
  checker.probeNow()
  checker.probeNow()
  assert.deepEqual(startedAt, [0])
  await answer(true)
  assert.deepEqual(startedAt, [0, 200])
  await answer(true)
  assert.deepEqual(startedAt, [0, 200])
  assert.equal(underWay(), 0)
  checker.close()
})

test('a probe that takes longer than the interval is not joined by another', async () => {
  const { clock, checker, startedAt } = rig({ everyMs: 200, timeoutMs: 1_000 })
  await clock.advance(900)
  assert.deepEqual(startedAt, [0])
  await clock.advance(150)
  assert.deepEqual(startedAt, [0, 1_000])
  checker.close()
})

test('a new rhythm counts from the last probe and keeps the verdict', async () => {
  const { clock, checker, startedAt, answer, answerAll } = rig()
  answerAll(true)
  await answer(true)
  await clock.advance(300)
  checker.setPolicy({ ...base, everyMs: 400 }, () => Promise.reject(new Error('the same kind of probe is kept')))
  await clock.advance(500)
  assert.deepEqual(startedAt, [0, 400, 800])
  assert.equal(checker.state, 'healthy')
  checker.close()
})

test('another kind of probe starts at once, keeps the verdict and starts the count anew', async () => {
  const { clock, checker, answer, answerAll } = rig()
  await answer(true)
  answerAll(false)
  await clock.advance(2_000)
  const calls: number[] = []
  const probe: Probe = () => {
    calls.push(clock.monotonic())
    return Promise.resolve({ ok: false, detail: 'HTTP 500' })
  }
  await clock.advance(150)
  checker.setPolicy({ ...base, probe: { kind: 'http', options: { path: '/healthz' } } }, probe)
  await settle()
  assert.deepEqual(calls, [2_150])
  assert.equal(checker.state, 'healthy')
  await clock.advance(2_000)
  assert.equal(checker.state, 'unhealthy')
  checker.close()
})

test('a probe of a kind that was replaced while it ran does not count', async () => {
  const { clock, checker, changes, answer } = rig()
  checker.setPolicy({ ...base, probe: { kind: 'http', options: {} } }, () => Promise.resolve({ ok: true, detail: 'HTTP 200' }))
  await answer(false)
  assert.deepEqual(changes, [])
  await clock.advance(100)
  assert.deepEqual(changes, ['100 healthy HTTP 200'])
  checker.close()
})

test('a probe that throws counts as a failure and the schedule goes on', async () => {
  const clock = new ManualClock()
  let calls = 0
  const probe: Probe = () => {
    calls++
    throw new Error('a bug')
  }
  const checker = startChecker({ target, policy: base, probe, clock, random: () => 0.5, onChange: () => {} })
  await clock.advance(1_000)
  assert.equal(checker.state, 'unhealthy')
  assert.equal(checker.detail, 'a bug')
  // At once, after 200 ms, after 400 ms more, and on schedule.
  assert.equal(calls, 4)
  checker.close()
})

test('an endpoint that has never passed is probed again early and taken in with its first pass; a fallen one waits for the schedule', async () => {
  const clock = new ManualClock()
  const probedAt: number[] = []
  let listens = false
  const probe: Probe = () => {
    probedAt.push(clock.monotonic())
    return Promise.resolve({ ok: listens, detail: '' })
  }
  const policy = { ...base, everyMs: 2_000, healthy: 2, unhealthy: 1 }
  const checker = startChecker({ target, policy, probe, clock, random: () => 0.5, onChange: () => {} })
  await clock.advance(100)
  assert.equal(checker.state, 'unhealthy')
  listens = true
  await clock.advance(100)
  assert.equal(checker.state, 'healthy')
  listens = false
  await clock.advance(3_800)
  assert.equal(checker.state, 'unhealthy')
  assert.deepEqual(probedAt, [0, 200, 2_000, 4_000])
  checker.close()
})

test('after close no timer is armed, no probe starts and nothing is told', async () => {
  const { clock, checker, startedAt, changes, answer } = rig()
  checker.probeNow()
  checker.close()
  await answer(true)
  checker.probeNow()
  checker.setPolicy({ ...base, everyMs: 10 }, () => Promise.resolve({ ok: true, detail: '' }))
  await clock.advance(10_000)
  assert.deepEqual(changes, [])
  assert.deepEqual(startedAt, [0])
  assert.equal(clock.pending, 0)
})

test('while it is unhealthy, an endpoint is probed at an interval of its own, from the change on', async () => {
  const { checker, clock, startedAt, answer, answerAll } = rig({ everyUnhealthyMs: 250, healthy: 1, unhealthy: 1 })
  await answer(true)
  answerAll(true)
  await clock.advance(1_000)
  answerAll(false)
  await clock.advance(1_800)
  assert.deepEqual(startedAt, [0, 1_000, 2_000, 2_250, 2_500, 2_750])
  answerAll(true)
  await clock.advance(2_000)
  assert.deepEqual(startedAt.slice(6), [3_000, 4_000])
  checker.close()
})
