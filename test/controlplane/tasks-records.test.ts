import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readRecord } from '../../src/controlplane/tasks/run-record.ts'
import { settle } from '../support/manual-clock.ts'
import { gatewaysByHand } from './tasks-harness.ts'

const midnight = '2026-01-01T00:00:00Z'
const open = JSON.stringify({ by: 'x', pid: 1, term: '0', startedAt: midnight, endedAt: null, ok: null, detail: '' })

describe('the records of a task', () => {
  const fleet = gatewaysByHand()

  it('are those of times that there are: nobody who writes beside them keeps the task from running', async () => {
    for (const name of ['20269999T000000Z', '20260230T000000Z', '20260101T240000Z', '20260101T000060Z'])
      assert.equal(readRecord(`nightly/${name}`, open), null, name)
    await fleet.registry.kv.put('gateway/runs/nightly/20269999T000000Z', open)
    const gateway = fleet.lead('a', { catchUp: 'once' }, { term: 7n })
    await fleet.clock.advance(6_000)
    gateway.fire(midnight)
    const { ok } = await gateway.outcome(midnight)
    assert.deepEqual([ok, gateway.calls.length], [true, 1])
    gateway.election.leader = { name: 'a', pid: 1, term: '7' }
    const { fireTime } = await gateway.scheduler.desk.ask('nightly')
    await fleet.clock.advance(6_000)
    assert.equal((await gateway.scheduler.desk.run('nightly', new Date(fireTime))).ok, true)
  })

  it('have that of a long run until it has an outcome, however many fires were skipped meanwhile', async () => {
    const ends: (() => void)[] = []
    const call = (): Promise<{ status: number }> => new Promise((resolve) => ends.push(() => resolve({ status: 200 })))
    const gateway = fleet.lead('a', { timeoutMs: 3_600_000 }, { term: 7n, call })
    gateway.fire(midnight)
    for (let minute = 1; minute <= 30; minute++) {
      await fleet.clock.advance(60_000)
      gateway.fire(new Date(Date.parse(midnight) + minute * 60_000).toISOString())
    }
    ends[0]?.()
    await settle()
    const [first] = await fleet.recorded()
    assert.deepEqual([first?.fireTime, first?.ok], ['2026-01-01T00:00:00.000Z', true])
    await fleet.clock.advance(120_000)
    assert.equal((await fleet.recorded()).length, 20)
  })
})
