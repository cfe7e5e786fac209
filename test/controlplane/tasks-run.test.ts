import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { TaskRequest } from '../../src/controlplane/tasks/task-kind.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { callTaskConfig, startGateway, type GatewayOptions, type TestGateway } from './tasks-harness.ts'
import { memoryRegistry } from './memory-registry.ts'

const three = '2026-11-23T03:00:00Z'
const four = '2026-11-23T04:00:00Z'

/** A call that never answers, and breaks when it is cut. */
function hangs({ signal }: TaskRequest): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
}

describe('a run of a task', () => {
  const gateways: { readonly gateway: TestGateway; readonly clock: ManualClock }[] = []

  afterEach(async () => {
    for (const { gateway, clock } of gateways.splice(0)) await closed(gateway, clock)
  })

  const start = (options: Partial<GatewayOptions> = {}): { gateway: TestGateway; clock: ManualClock; registry: Registry } => {
    const clock = new ManualClock()
    const registry = memoryRegistry()
    const gateway = startGateway({ registry, prefix: 'gateway', clock, ...options })
    gateways.push({ gateway, clock })
    gateway.scheduler.setTasks([callTaskConfig()])
    return { gateway, clock, registry }
  }

  it('is ended by its timeout, and the call with it', async () => {
    const { gateway, clock } = start({ call: hangs })
    gateway.fire(three)
    await clock.advance(59_999)
    assert.equal(gateway.scheduler.view().tasks[0]?.running, new Date(three).toISOString())
    await clock.advance(1)
    assert.equal((await gateway.outcome(three)).detail, 'task "nightly" did not end within 1m')
    assert.equal(gateway.calls[0]?.signal.aborted, true)
    assert.equal(gateway.scheduler.view().tasks[0]?.running, null)
  })

  it('is aborted when leadership is lost', async () => {
    const { gateway } = start({ call: hangs })
    gateway.fire(three)
    await settle()
    gateway.election.lose()
    assert.equal((await gateway.outcome(three)).detail, 'interrupted: the lock is gone; no attempt is left')
    assert.equal(gateway.calls[0]?.signal.aborted, true)
  })

  it('does not start again while it lasts: the next fire is recorded as skipped', async () => {
    const { gateway, registry } = start({ call: hangs })
    gateway.fire(three)
    await settle()
    gateway.fire(four)
    const skipped = await gateway.outcome(four)
    assert.deepEqual([skipped.ok, skipped.detail], [false, 'skipped: the run of 2026-11-23T03:00:00.000Z has not ended'])
    assert.equal(gateway.calls.length, 1)
    assert.equal((await registry.kv.list('gateway/runs/')).length, 2)
  })

  it('may end by itself for 5 s when the gateway stops, and is aborted then', async () => {
    const { gateway, clock } = start({ call: hangs })
    gateway.fire(three)
    await settle()
    const closing = gateway.scheduler.close()
    await clock.advance(4_999)
    assert.equal(gateway.calls[0]?.signal.aborted, false)
    await clock.advance(1)
    await closing
    assert.equal(gateway.calls[0]?.signal.aborted, true)
    gateway.fire(four)
    assert.equal(gateway.calls.length, 1)
    assert.equal(clock.pending, 0)
  })
})

describe('a change of the tasks', () => {
  it('leaves tasks that did not change ticking, and stops those that are gone or differ', async () => {
    const clock = new ManualClock()
    const gateway = startGateway({ registry: memoryRegistry(), prefix: 'gateway', clock })
    const [a, b] = [callTaskConfig({ name: 'a', cron: '1 * * * *' }), callTaskConfig({ name: 'b', cron: '2 * * * *' })]
    gateway.scheduler.setTasks([a, b])
    gateway.scheduler.setTasks([structuredClone(a), { ...b, cron: '3 * * * *' }])
    assert.deepEqual(gateway.ticking, ['1 * * * *', '3 * * * *'])
    gateway.scheduler.setTasks([a])
    assert.deepEqual(gateway.ticking, ['1 * * * *'])
    assert.deepEqual(
      gateway.scheduler.view().tasks.map(({ name, next, last }) => [name, next, last]),
      [['a', '1970-01-01T00:00:00.000Z', null]],
    )
    await closed(gateway, clock)
    assert.deepEqual(gateway.ticking, [])
  })

  it('that takes a task out and puts it back leaves its run alone, and runs what waits as the task is by then', async () => {
    const clock = new ManualClock()
    const registry = memoryRegistry()
    const ends: (() => void)[] = []
    const call = (): Promise<{ status: number }> => new Promise((resolve) => ends.push(() => resolve({ status: 200 })))
    const gateway = startGateway({ registry, prefix: 'gateway', clock, call })
    const task = callTaskConfig({ overlap: 'queue', retry: { attempts: 3, backoffMs: 1_000, maxBackoffMs: 1_000 } })
    gateway.scheduler.setTasks([task])
    gateway.fire(three)
    await settle()
    gateway.scheduler.setTasks([])
    gateway.scheduler.setTasks([{ ...task, timeoutMs: 30_000 }])
    gateway.fire(four)
    await clock.advance(12_000)
    assert.equal(gateway.calls.length, 1, 'the run is not one that somebody has left')
    const options = { method: 'POST', service: 'reports', path: '/new' }
    gateway.scheduler.setTasks([{ ...task, options }])
    ends[0]?.()
    await settle()
    await settle()
    assert.deepEqual(
      [(await gateway.outcome(three)).attempts.length, gateway.calls.map(({ path }) => path)],
      [1, ['/run', '/new']],
    )
    gateway.fire('2026-11-23T05:00:00Z')
    gateway.scheduler.setTasks([])
    ends[1]?.()
    await settle()
    await settle()
    assert.equal(gateway.calls.length, 2, 'what waited of a task that is gone does not run')
    await closed(gateway, clock)
  })
})

async function closed({ scheduler }: TestGateway, clock: ManualClock): Promise<void> {
  const closing = scheduler.close()
  await clock.advance(10_000)
  await closing
}
