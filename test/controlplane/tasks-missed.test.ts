import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunRecord } from '../../src/controlplane/tasks/run-record.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { settle } from '../support/manual-clock.ts'
import { callTaskConfig, gatewaysByHand } from './tasks-harness.ts'

const done = (): Promise<{ status: number }> => Promise.resolve({ status: 200 })

/** The minutes that were planned. */
function minutes(records: readonly RunRecord[]): readonly string[] {
  return records.map(({ fireTime }) => fireTime.slice(14, 16))
}

describe('what a fleet leaves undone', () => {
  const fleet = gatewaysByHand()
  const { lead: start, recorded } = fleet

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
})
