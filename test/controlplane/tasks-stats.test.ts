import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { taskMetricSources } from '../../src/controlplane/tasks/task-stats.ts'
import { settle } from '../support/manual-clock.ts'
import { callTaskConfig, gatewaysByHand, type TestGateway } from './tasks-harness.ts'

const [first, second] = ['2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'] as const

/** What a gateway tells of its tasks: each sample as `name label…` with its value. */
function told({ scheduler }: TestGateway): Readonly<Record<string, number>> {
  const samples = taskMetricSources(scheduler).flatMap(({ name, samples: read }) =>
    [...read()].map(({ labels, value }) => [[name.replace('meshgate_', ''), ...Object.values(labels)].join(' '), value] as const),
  )
  return Object.fromEntries(samples)
}

describe('the metrics of tasks', () => {
  const fleet = gatewaysByHand()

  const leadOne = (call: () => Promise<{ status: number }>): TestGateway => fleet.lead('a', {}, { term: 3n, call })

  it('count runs by how they ended, and tell when one was last done', async () => {
    const statuses = [200, 500]
    const gateway = leadOne(async () => ({ status: statuses.shift() ?? 200 }))
    assert.deepEqual(told(gateway), { leader: 1, 'task_running nightly': 0 })
    for (const fireTime of [first, second]) {
      gateway.fire(fireTime)
      await fleet.clock.advance(1_000)
    }
    assert.deepEqual(told(gateway), {
      leader: 1,
      'task_runs_total nightly done': 1,
      'task_runs_total nightly failed': 1,
      'task_runs_total nightly interrupted': 0,
      'task_running nightly': 0,
      'task_last_success_timestamp_seconds nightly': Date.parse(first) / 1000,
    })
  })

  it('tell of a run under way, and count one that is left to the next leader as interrupted', async () => {
    const gateway = fleet.lead('a', { catchUp: 'once' }, { term: 3n, call: () => new Promise(() => {}) })
    gateway.fire(first)
    await settle()
    assert.equal(told(gateway)['task_running nightly'], 1)
    gateway.election.lose()
    await fleet.clock.advance(1_000)
    const { leader, ...rest } = told(gateway)
    assert.deepEqual([leader, rest['task_running nightly'], rest['task_runs_total nightly interrupted']], [0, 0, 1])
  })

  it('tell on every gateway when a task was last done, also at one that has run nothing', async () => {
    const leader = leadOne(async () => ({ status: 200 }))
    leader.fire(first)
    await fleet.clock.advance(1_000)
    const other = fleet.start('b')
    other.election.lose()
    other.scheduler.setTasks([callTaskConfig()])
    await fleet.clock.advance(10_000)
    assert.deepEqual(told(other), {
      leader: 0,
      'task_running nightly': 0,
      'task_last_success_timestamp_seconds nightly': Date.parse(first) / 1000,
    })
  })

  it('forget a task that has left the config', async () => {
    const gateway = leadOne(async () => ({ status: 200 }))
    gateway.fire(first)
    await fleet.clock.advance(1_000)
    gateway.scheduler.setTasks([])
    assert.deepEqual(told(gateway), { leader: 1 })
  })
})
