import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TaskRequest } from '../../src/controlplane/tasks/task-kind.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { settle } from '../support/manual-clock.ts'
import { gatewaysByHand } from './tasks-harness.ts'

const midnight = '2026-01-01T00:00:00Z'
const retry = { attempts: 3, backoffMs: 1_000, maxBackoffMs: 1_000 }

function hangs({ signal }: TaskRequest): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
}

const done = (): Promise<{ status: number }> => Promise.resolve({ status: 200 })

describe('a run that a leader leaves', () => {
  const fleet = gatewaysByHand()
  const { lead: start, recorded } = fleet

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

  it('is closed as failed too when a gateway of an older version wrote it, which told no attempts', async () => {
    const record = { by: 'old', pid: 1, term: '7', startedAt: midnight, endedAt: null, ok: null, detail: 'running' }
    await fleet.registry.kv.put('gateway/runs/nightly/20260101T000000Z', JSON.stringify(record))
    const next = start('next', {}, { term: 8n, call: done })
    await fleet.clock.advance(10_000)
    assert.deepEqual([(await recorded())[0]?.ok, next.calls.length], [false, 0])
  })

  it('is not begun by a gateway that stops, though it waits there', async () => {
    const ends: (() => void)[] = []
    const gateway = start(
      'a',
      { overlap: 'queue' },
      {
        term: 7n,
        call: () => new Promise((resolve) => ends.push(() => resolve({ status: 200 }))),
      },
    )
    gateway.fire(midnight)
    gateway.fire('2026-01-01T00:01:00Z')
    await settle()
    const closing = gateway.scheduler.close()
    ends[0]?.()
    await fleet.clock.advance(1)
    await closing
    assert.deepEqual(
      (await recorded()).map(({ fireTime }) => fireTime.slice(14, 16)),
      ['00'],
    )
    assert.equal(gateway.calls.length, 1)
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
