import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { jitterMs } from '../../src/controlplane/tasks/fire.ts'
import type { TaskConfig } from '../../src/config/config.ts'
import type { TaskRequest } from '../../src/controlplane/tasks/task-kind.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { memoryRegistry } from './memory-registry.ts'
import { callTaskConfig, startGateway, type TestGateway } from './tasks-harness.ts'

const three = '2026-01-01T00:00:00Z'
const four = '2026-01-01T00:01:00Z'
const five = '2026-01-01T00:02:00Z'

describe('a task', () => {
  const gateways: { readonly gateway: TestGateway; readonly clock: ManualClock }[] = []

  afterEach(async () => {
    for (const { gateway, clock } of gateways.splice(0)) {
      const closing = gateway.scheduler.close()
      await clock.advance(10_000)
      await closing
    }
  })

  const start = (task: Partial<TaskConfig>, call: (request: TaskRequest, at: number) => Promise<{ status: number }>) => {
    const clock = new ManualClock()
    let calls = 0
    const gateway = startGateway({
      registry: memoryRegistry(),
      prefix: 'gateway',
      clock,
      call: (request) => call(request, calls++),
    })
    gateways.push({ gateway, clock })
    gateway.scheduler.setTasks([callTaskConfig(task)])
    return { gateway, clock }
  }

  const retry = { attempts: 4, backoffMs: 1_000, maxBackoffMs: 3_000 }

  it('that fails is tried again after a pause that doubles up to its bound, under the same key, and each attempt is recorded', async () => {
    const sentAt: number[] = []
    const { gateway, clock } = start({ retry }, async (_, at) => {
      sentAt.push(clock.monotonic())
      return { status: at < 3 ? 500 : 200 }
    })
    gateway.fire(three)
    await clock.advance(6_000)
    const { ok, attempts } = await gateway.outcome(three)
    assert.equal(ok, true)
    assert.deepEqual(sentAt, [0, 1_000, 3_000, 6_000])
    assert.deepEqual(
      attempts.map((attempt) => [attempt.ok, attempt.by, attempt.detail.slice(-12)]),
      [500, 500, 500].map((): unknown => [false, 'a', 'expected 2xx']).concat([[true, 'a', 'answered 200']]),
    )
    assert.equal(new Set(gateway.calls.map(({ headers }) => headers['Idempotency-Key'])).size, 1)
  })

  it('that fails with a very long reason has a record that fits into KV', async () => {
    const { gateway } = start({}, () => Promise.reject(new Error('x'.repeat(1_000_000))))
    gateway.fire(three)
    assert.match((await gateway.outcome(three)).detail, /^x{4000}…$/)
  })

  it('fails when its last attempt has', async () => {
    const { gateway, clock } = start({ retry: { ...retry, attempts: 2 } }, async () => ({ status: 500 }))
    gateway.fire(three)
    await clock.advance(1_000)
    const { ok, detail } = await gateway.outcome(three)
    assert.deepEqual([ok, detail.slice(0, 16), detail.slice(-18)], [false, 'attempt 2 failed', 'no attempt is left'])
    assert.equal(gateway.calls.length, 2)
  })

  it('begins no attempt later than startWithin', async () => {
    const { gateway, clock } = start({ retry, startWithinMs: 1_500 }, async () => ({ status: 500 }))
    gateway.fire(three)
    await clock.advance(10_000)
    assert.match((await gateway.outcome(three)).detail, /too late for another attempt/)
    assert.equal(gateway.calls.length, 2)
  })

  it('is not tried again by a gateway that no longer leads', async () => {
    const { gateway, clock } = start({ retry }, async () => ({ status: 500 }))
    gateway.fire(three)
    await settle()
    gateway.election.lose()
    await clock.advance(10_000)
    assert.equal(gateway.calls.length, 1)
  })

  it('with overlap: queue runs one fire after the other, and of those that come while one waits none', async () => {
    const ends: (() => void)[] = []
    const { gateway } = start({ overlap: 'queue' }, () => new Promise((resolve) => ends.push(() => resolve({ status: 200 }))))
    for (const time of [three, four, five]) {
      gateway.fire(time)
      await settle()
    }
    const [task] = gateway.scheduler.view().tasks
    assert.deepEqual([task?.running, task?.waiting], ['2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.000Z'])
    assert.match(
      (await gateway.outcome(five)).detail,
      /^skipped: the run of .*00:00:00.000Z has not ended, and that of .*00:01:00.000Z waits$/,
    )
    ends[0]?.()
    await gateway.outcome(three)
    await settle()
    ends[1]?.()
    assert.equal((await gateway.outcome(four)).ok, true)
  })

  it('that waited longer than startWithin does not run', async () => {
    const ends: (() => void)[] = []
    const { gateway, clock } = start(
      { overlap: 'queue', startWithinMs: 30_000, timeoutMs: 3_600_000 },
      () => new Promise((resolve) => ends.push(() => resolve({ status: 200 }))),
    )
    gateway.fire(three)
    gateway.fire(three.replace(':00Z', ':01Z'))
    await clock.advance(40_000)
    ends[0]?.()
    assert.match((await gateway.outcome(three.replace(':00Z', ':01Z'))).detail, /could not begin within 30s/)
    assert.equal(gateway.calls.length, 1)
  })

  it('with a jitter begins as long after its planned time on each gateway, and spreads', async () => {
    const task = callTaskConfig({ jitterMs: 60_000 })
    const delays = Array.from({ length: 200 }, (_, at) => jitterMs(task, new Date(Date.UTC(2026, 0, 1, 0, at))))
    assert.deepEqual(
      delays.slice(0, 3),
      [0, 1, 2].map((at) => jitterMs(structuredClone(task), new Date(Date.UTC(2026, 0, 1, 0, at)))),
    )
    assert.ok(delays.every((delay) => delay >= 0 && delay < 60_000))
    assert.ok(Math.max(...delays) > 50_000 && Math.min(...delays) < 10_000)
    const { gateway, clock } = start({ jitterMs: 60_000 }, async () => ({ status: 200 }))
    gateway.fire(three)
    const delay = jitterMs(task, new Date(three))
    await clock.advance(delay - 1)
    assert.equal(gateway.calls.length, 0)
    await clock.advance(1)
    assert.equal(gateway.calls.length, 1)
  })
})
