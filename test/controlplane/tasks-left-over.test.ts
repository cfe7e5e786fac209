import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TaskConfig } from '../../src/config/config.ts'
import { RunRecords } from '../../src/controlplane/tasks/run-records.ts'
import type { RunRecord } from '../../src/controlplane/tasks/run-record.ts'
import type { TaskRequest } from '../../src/controlplane/tasks/task-kind.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { settle } from '../support/manual-clock.ts'
import { callTaskConfig, gatewaysByHand } from './tasks-harness.ts'

const midnight = '2026-01-01T00:00:00Z'
const retry = { attempts: 3, backoffMs: 1_000, maxBackoffMs: 1_000 }

function hangs({ signal }: TaskRequest): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
}

const done = (): Promise<{ status: number }> => Promise.resolve({ status: 200 })

function minutes(records: readonly RunRecord[]): readonly string[] {
  return records.map(({ fireTime }) => fireTime.slice(14, 16))
}

describe('what a leader leaves', () => {
  const fleet = gatewaysByHand()

  const start = (
    name: string,
    task: Partial<TaskConfig>,
    options: {
      readonly term: bigint
      readonly call: (request: TaskRequest) => Promise<{ status: number }>
      readonly registry?: Registry
    },
  ) => {
    const gateway = fleet.start(name, { registry: options.registry ?? fleet.registry, call: options.call })
    gateway.election.lead(options.term)
    gateway.scheduler.setTasks([callTaskConfig({ cron: '* * * * *', startWithinMs: 3_600_000, ...task })])
    return gateway
  }

  /** As recorded, the earliest planned first. */
  const recorded = async (): Promise<readonly RunRecord[]> =>
    ((await new RunRecords(fleet.registry, 'gateway').list()).get('nightly') ?? []).toReversed()

  for (const task of [{ retry }, { catchUp: 'once' as const }, { catchUp: 'each' as const }]) {
    it(`is gone on with by the next one, under the same key and a higher token (${JSON.stringify(task)})`, async () => {
      const dead = start('dead', task, { term: 7n, call: hangs })
      dead.fire(midnight)
      await settle()
      const next = start('next', task, { term: 8n, call: done })
      await fleet.clock.advance(10_000)
      const [record, ...more] = await recorded()
      assert.deepEqual([record?.ok, record?.by, record?.term, more.length], [true, 'next', '8', 0])
      assert.deepEqual(
        record?.attempts.map(({ ok, by, term }) => [ok, by, term]),
        [
          [null, 'dead', '7'],
          [true, 'next', '8'],
        ],
      )
      const [[before], [after]] = [dead.calls, next.calls]
      assert.equal(before?.headers['Idempotency-Key'], after?.headers['Idempotency-Key'])
      assert.deepEqual([before?.headers['X-Fencing-Token'], after?.headers['X-Fencing-Token']], ['7', '8'])
    })
  }

  it('cannot be finished by the one that had it, once it was taken over', async () => {
    let answer: (() => void) | null = null as (() => void) | null
    const stale = start(
      'stale',
      { retry },
      { term: 7n, call: () => new Promise((resolve) => void (answer = () => resolve({ status: 500 }))) },
    )
    stale.fire(midnight)
    await settle()
    start('next', { retry }, { term: 8n, call: done })
    await fleet.clock.advance(10_000)
    answer?.()
    await settle()
    assert.match(stale.scheduler.view().tasks[0]?.last?.detail ?? '', /another gateway has taken the run over/)
    await fleet.clock.advance(20_000)
    assert.deepEqual(
      (await recorded()).map(({ ok, by }) => [ok, by]),
      [[true, 'next']],
    )
    assert.equal(stale.calls.length, 1)
  })

  it('is closed as failed where an attempt was all it had', async () => {
    start('dead', {}, { term: 7n, call: hangs }).fire(midnight)
    await settle()
    const next = start('next', {}, { term: 8n, call: done })
    await fleet.clock.advance(10_000)
    const [record] = await recorded()
    assert.deepEqual([record?.ok, record?.detail, next.calls.length], [false, 'running; no attempt is left', 0])
    assert.match(record?.attempts[0]?.detail ?? '', /^interrupted: dead no longer leads/)
  })

  it('is left by a gateway that loses the lead or stops, which says so in the record', async () => {
    const loser = start('loser', { retry }, { term: 7n, call: hangs })
    loser.fire(midnight)
    await settle()
    loser.election.lose()
    await settle()
    const [record] = await recorded()
    assert.deepEqual([record?.ok, record?.detail], [null, 'interrupted: the lock is gone'])
    loser.election.lead(9n)
    await fleet.clock.advance(6_000)
    assert.equal((await recorded())[0]?.attempts.length, 2, 'the same gateway goes on with it in its next term')
  })

  it('ends when it has cost its gateway the lead too often', async () => {
    for (let term = 7n; term < 13n; term++) {
      const gateway = start(`g${term}`, { catchUp: 'once' }, { term, call: hangs })
      if (term === 7n) gateway.fire(midnight)
      await fleet.clock.advance(7_000)
      gateway.election.lose()
      await settle()
    }
    const [record] = await recorded()
    assert.deepEqual([record?.ok, record?.attempts.length], [false, 4])
  })

  it('is not begun again when it is older than startWithin', async () => {
    start('dead', { retry, startWithinMs: 60_000 }, { term: 7n, call: hangs }).fire(midnight)
    await fleet.clock.advance(61_000)
    const next = start('next', { retry, startWithinMs: 60_000 }, { term: 8n, call: done })
    await fleet.clock.advance(10_000)
    assert.deepEqual([next.calls.length, (await recorded())[0]?.ok], [0, false])
  })

  it('undone with catchUp: once is made up for by one run, under the planned time of the last', async () => {
    const first = start('first', { catchUp: 'once' }, { term: 7n, call: done })
    await fleet.clock.advance(6_000)
    first.fire('2026-01-01T00:01:00Z')
    await settle()
    first.election.lose()
    await fleet.clock.advance(600_000)
    const next = start('next', { catchUp: 'once' }, { term: 8n, call: done })
    await fleet.clock.advance(30_000)
    const records = await recorded()
    assert.deepEqual(minutes(records), ['01', '10'])
    assert.deepEqual([records[1]?.cause, records[1]?.since, records[1]?.ok], ['catchUp', '2026-01-01T00:02:00.000Z', true])
    assert.equal(next.calls.length, 1)
  })

  it('undone with catchUp: each runs each, one after the other', async () => {
    let [underWay, most] = [0, 0]
    const call = async (): Promise<{ status: number }> => {
      most = Math.max(most, ++underWay)
      await settle()
      underWay--
      return { status: 200 }
    }
    const first = start('first', { catchUp: 'each' }, { term: 7n, call })
    await fleet.clock.advance(6_000)
    first.election.lose()
    await fleet.clock.advance(300_000)
    start('next', { catchUp: 'each' }, { term: 8n, call })
    await fleet.clock.advance(30_000)
    assert.deepEqual(minutes(await recorded()), ['01', '02', '03', '04', '05'])
    assert.equal(most, 1)
  })

  it('undone is made up for also when the first leader of a task died right after its first run', async () => {
    const first = start('first', { catchUp: 'each' }, { term: 7n, call: done })
    await settle()
    await fleet.clock.advance(60_000)
    first.scheduler.setTasks([callTaskConfig({ catchUp: 'each', cron: '*/1 * * * *' })])
    first.fire('2026-01-01T00:01:00Z')
    await settle()
    first.election.lose()
    await fleet.clock.advance(180_000)
    start('next', { catchUp: 'each', cron: '*/1 * * * *' }, { term: 8n, call: done })
    await fleet.clock.advance(30_000)
    assert.deepEqual(minutes(await recorded()), ['01', '02', '03', '04'])
  })

  it('undone without catchUp stays undone', async () => {
    start('first', {}, { term: 7n, call: done }).election.lose()
    await fleet.clock.advance(600_000)
    start('next', {}, { term: 8n, call: done })
    await fleet.clock.advance(30_000)
    assert.deepEqual(await recorded(), [])
  })

  it('undone for longer than startWithin stays undone', async () => {
    const task = { catchUp: 'each' as const, startWithinMs: 130_000 }
    const first = start('first', task, { term: 7n, call: done })
    await fleet.clock.advance(6_000)
    first.election.lose()
    await fleet.clock.advance(600_000)
    start('next', task, { term: 8n, call: done })
    await fleet.clock.advance(10_000)
    assert.deepEqual(minutes(await recorded()), ['08', '09', '10'])
  })

  it('undone is not what a task would have done before it had its schedule', async () => {
    const first = start('first', { catchUp: 'each', cron: '30 * * * *' }, { term: 7n, call: done })
    await fleet.clock.advance(600_000)
    first.scheduler.setTasks([callTaskConfig({ catchUp: 'each', cron: '* * * * *' })])
    await fleet.clock.advance(150_000)
    assert.deepEqual(minutes(await recorded()), ['11', '12'])
  })

  it('undone since the registry could not take the claim is made up for when it can', async () => {
    let isAway = false
    const { kv } = fleet.registry
    const failing: Registry = {
      ...fleet.registry,
      kv: {
        ...kv,
        put: async (key, value, options) => {
          if (isAway) throw new GatewayError('registry_unavailable', 'away')
          return kv.put(key, value, options)
        },
        list: async (key) => {
          if (isAway) throw new GatewayError('registry_unavailable', 'away')
          return kv.list(key)
        },
      },
    }
    const gateway = start('only', { catchUp: 'each' }, { term: 7n, call: done, registry: failing })
    await fleet.clock.advance(59_000)
    isAway = true
    await fleet.clock.advance(1_000)
    gateway.fire('2026-01-01T00:01:00Z')
    await fleet.clock.advance(5_000)
    assert.equal(gateway.calls.length, 0)
    isAway = false
    await fleet.clock.advance(20_000)
    assert.deepEqual(
      (await recorded()).map(({ fireTime, ok, cause }) => [fireTime.slice(14, 16), ok, cause]),
      [['01', true, 'catchUp']],
    )
  })

  it('done when the registry cannot take the outcome is recorded when it can, also after the lead is lost', async () => {
    let isAway = false
    const { kv } = fleet.registry
    const failing: Registry = {
      ...fleet.registry,
      kv: {
        ...kv,
        get: async (key) => {
          if (isAway) throw new GatewayError('registry_unavailable', 'away')
          return kv.get(key)
        },
      },
    }
    const gateway = start(
      'only',
      { retry },
      {
        term: 7n,
        call: async () => {
          isAway = true
          return { status: 200 }
        },
        registry: failing,
      },
    )
    gateway.fire(midnight)
    await settle()
    gateway.election.lose()
    await fleet.clock.advance(10_000)
    assert.equal((await recorded())[0]?.ok, null)
    isAway = false
    await fleet.clock.advance(10_000)
    assert.equal((await recorded())[0]?.ok, true)
  })
})
