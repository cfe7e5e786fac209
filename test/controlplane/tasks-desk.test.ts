import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { builtIn } from '../../src/config/built-in.ts'
import type { LeaderView } from '../../src/registry/leader-record.ts'
import { settle } from '../support/manual-clock.ts'
import { callTaskConfig, gatewaysByHand, type GatewayOptions, type TestGateway } from './tasks-harness.ts'

const leader: LeaderView = { name: 'a', pid: 1, term: '7' }

describe('a run that somebody asks for', () => {
  const fleet = gatewaysByHand()

  const start = (name: string, options: Partial<GatewayOptions> = {}): TestGateway => {
    const gateway = fleet.start(name, options)
    gateway.scheduler.setTasks([callTaskConfig()])
    return gateway
  }

  /** A gateway that does not lead and knows who does. */
  const startFollower = (known: LeaderView | null = leader): TestGateway => {
    const gateway = start('b')
    gateway.election.lose()
    gateway.election.leader = known
    return gateway
  }

  it('of a gateway that does not lead is taken by the leader at once, with its token and a key of its own', async () => {
    const [a, b] = [start('a'), startFollower()]
    await settle()
    const { fireTime, leader: told } = await b.scheduler.desk.ask('nightly')
    assert.deepEqual([told, fireTime], [leader, '2026-01-01T00:00:00.001Z'])
    await settle()
    await settle()
    const run = await b.scheduler.desk.run('nightly', new Date(fireTime))
    assert.deepEqual([run.ok, run.by, run.term, run.cause, run.attempts.length], [true, 'a', '7', 'request', 1])
    assert.deepEqual(
      a.calls.map(({ headers }) => headers['Idempotency-Key']),
      ['nightly/20260101T000000.001Z'],
    )
    assert.equal(b.calls.length, 0)
  })

  it('runs once although two gateways believe to lead', async () => {
    const [a, c, b] = [start('a'), start('c'), startFollower()]
    await settle()
    await b.scheduler.desk.ask('nightly')
    await fleet.clock.advance(10_000)
    assert.equal(a.calls.length + c.calls.length, 1)
  })

  it('while the task runs begins when that has ended', async () => {
    const ends: (() => void)[] = []
    const a = start('a', { call: () => new Promise((resolve) => ends.push(() => resolve({ status: 200 }))) })
    a.election.leader = leader
    a.fire('2026-01-01T00:00:00Z')
    await settle()
    const { fireTime } = await a.scheduler.desk.ask('nightly')
    await fleet.clock.advance(6_000)
    const asked = async () => a.scheduler.desk.run('nightly', new Date(fireTime))
    assert.deepEqual([(await asked()).ok, a.calls.length], [null, 1])
    ends[0]?.()
    await fleet.clock.advance(1)
    ends[1]?.()
    await settle()
    assert.deepEqual([(await asked()).ok, a.calls.length], [true, 2])
  })

  it('is refused while nobody leads, and writes nothing', async () => {
    const b = startFollower(null)
    await assert.rejects(b.scheduler.desk.ask('nightly'), { code: 'no_leader', message: /nobody leads at present/ })
    assert.deepEqual(await fleet.registry.kv.list('gateway/runs/'), [])
  })

  it('is refused while twenty of its task wait already', async () => {
    const b = startFollower()
    for (let orders = 0; orders < 20; orders++) {
      await b.scheduler.desk.ask('nightly')
      await fleet.clock.advance(1)
    }
    await fleet.clock.advance(6_000)
    await assert.rejects(b.scheduler.desk.ask('nightly'), { code: 'registry_refused', message: /^20 runs of "nightly"/ })
  })

  it('of a task that is not there is refused, with what was meant', async () => {
    await assert.rejects(startFollower().scheduler.desk.ask('nihgtly'), {
      code: 'not_found',
      message: /did you mean "nightly"\?/,
    })
  })

  it('of a task that the leader does not have is refused by it, and says who leads', async () => {
    const [a, b] = [start('a'), startFollower()]
    a.scheduler.setTasks([])
    const { fireTime } = await b.scheduler.desk.ask('nightly')
    await fleet.clock.advance(6_000)
    const run = await b.scheduler.desk.run('nightly', new Date(fireTime))
    assert.deepEqual([run.ok, run.detail], [false, 'refused: a, which leads, has no task "nightly"'])
  })

  it('that no leader takes can be withdrawn, one that runs goes on', async () => {
    const b = startFollower()
    const asked = await b.scheduler.desk.ask('nightly')
    const run = await b.scheduler.desk.withdraw('nightly', new Date(asked.fireTime))
    assert.deepEqual([run.ok, run.detail], [false, 'withdrawn before a leader took it'])
    await fleet.clock.advance(1)
    const again = await b.scheduler.desk.ask('nightly')
    const a = start('a', { call: () => new Promise(() => {}) })
    await fleet.clock.advance(6_000)
    assert.equal(a.calls.length, 1)
    const going = await b.scheduler.desk.withdraw('nightly', new Date(again.fireTime))
    assert.deepEqual([going.ok, going.detail], [null, 'running'])
  })

  it('can be planned where it could not run, and is told why', async () => {
    const machine = { ...builtIn.machine, backups: fileURLToPath(import.meta.url) }
    const a = fleet.start('a', { machine })
    a.scheduler.setTasks([callTaskConfig({ kind: 'backup', options: { keep: 1 } })])
    await assert.rejects(a.scheduler.desk.plan('nightly'), { code: 'task_failed', message: /ENOTDIR/ })
  })

  it('can be planned: what it would do, and when the task fires next', async () => {
    const b = startFollower()
    const plan = await b.scheduler.desk.plan('nightly')
    assert.equal(plan.would, 'sends POST http://reports/run with Idempotency-Key and X-Fencing-Token')
    assert.deepEqual(plan.next.slice(0, 2), ['2026-01-01T03:00:00.000Z', '2026-01-02T03:00:00.000Z'])
    assert.deepEqual([b.calls.length, await fleet.registry.kv.list('gateway/runs/')], [0, []])
  })
})
