import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { pause, systemClock } from '../../src/clock.ts'
import type { LeaderView } from '../../src/registry/leader-record.ts'
import type { RunView } from '../../src/controlplane/tasks/task-view.ts'
import { startAdminUnderTest } from '../admin/subject.ts'
import { memoryRegistry } from '../controlplane/memory-registry.ts'
import { callTaskConfig, startGateway, type TestGateway } from '../controlplane/tasks-harness.ts'
import { runMeshgate } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'
import { meshgate } from './captured.ts'

const leader: LeaderView = { name: 'a', pid: 1, term: '7' }

describe('meshgate tasks, asked of a gateway that does not lead', () => {
  const registry = memoryRegistry()
  let admin: Awaited<ReturnType<typeof startAdminUnderTest>>
  let [leading, follower] = [null, null] as [TestGateway | null, TestGateway | null]
  let at = ''
  let status = 200
  let slowMs = 0

  before(async () => {
    leading = startGateway({
      registry,
      prefix: 'gateway',
      name: 'a',
      call: async () => {
        await pause(systemClock, slowMs)
        return { status }
      },
    })
    follower = startGateway({ registry, prefix: 'gateway', name: 'b' })
    follower.election.lose()
    follower.election.leader = leader
    const tasks = [callTaskConfig({ retry: { attempts: 2, backoffMs: 1, maxBackoffMs: 1 } })]
    for (const { scheduler } of [leading, follower]) scheduler.setTasks(tasks)
    admin = await startAdminUnderTest('', { tasks: follower.scheduler })
    at = `127.0.0.1:${admin.port}`
  })

  after(async () => {
    await leading?.scheduler.close()
    await follower?.scheduler.close()
    await admin?.close()
  })

  it('run NAME has the leader run it, waits and says how it went', async () => {
    assert.deepEqual(await meshgate('tasks', 'run', 'nightly', '--admin', at), {
      code: 0,
      out: 'nightly: ok: POST http://reports/run answered 200 (by a)\n',
      err: '',
    })
  })

  it('run NAME waits in a process of its own, which nothing else keeps alive', async () => {
    slowMs = 700
    const { code, output } = await runMeshgate(['tasks', 'run', 'nightly', '--admin', at])
    slowMs = 0
    assert.deepEqual([code, output], [0, 'nightly: ok: POST http://reports/run answered 200 (by a)\n'])
  })

  it('run NAME ends with exit code 1 when the run has failed, and NAME shows each attempt', async () => {
    status = 503
    const { code, out } = await meshgate('tasks', 'run', 'nightly', '--admin', at, '--json')
    status = 200
    const { run } = JSON.parse(out) as { run: RunView }
    assert.deepEqual([code, run.ok, run.attempts.length], [1, false, 2])
    const shown = await until('it is shown', async () => {
      const history = await meshgate('tasks', 'nightly', '--admin', at)
      return history.out.includes('attempt 2') ? history.out : null
    })
    const lines = shown.trimEnd().split('\n')
    assert.equal(lines[0], 'leader: a, term 7')
    assert.match(lines[1] ?? '', /^nightly: call, "0 3 \* \* \*" UTC, overlap skip, catchUp off, next /)
    assert.match(lines[3] ?? '', /a +7 +failed: attempt 2 failed: .*expected 2xx; no attempt is left \[asked for\]$/)
    assert.match(lines[4] ?? '', /^ {2}attempt 1 .* failed: POST .* answered 503/)
  })

  it('run NAME --no-wait returns when the order is written', async () => {
    const { code, out } = await meshgate('tasks', 'run', 'nightly', '--no-wait', '--admin', at)
    assert.deepEqual([code, /^nightly: a is asked to run it \(\d{4}-.*Z\)\n$/.test(out)], [0, true])
  })

  it('run NAME --dry-run tells what would be done, and does nothing', async () => {
    const calls = leading?.calls.length
    const { code, out } = await meshgate('tasks', 'run', 'nightly', '--dry-run', '--admin', at)
    assert.equal(code, 0)
    assert.match(out, /^nightly \(call\) sends POST http:\/\/reports\/run with .*\nnext fires: \d{4}-\d\d-\d\dT03:00:00\.000Z, /)
    assert.equal(leading?.calls.length, calls)
  })

  it('run NAME withdraws an order that no leader takes by the deadline, and says who leads', async () => {
    leading?.election.lose()
    const { code, out } = await meshgate('tasks', 'run', 'nightly', '--deadline', '50ms', '--admin', at)
    leading?.election.lead(8n)
    assert.deepEqual(
      [code, out],
      [1, 'nightly: failed: was not begun after 50ms (a leads): withdrawn before a leader took it (by b)\n'],
    )
  })

  it('run NAME says so when nobody leads', async () => {
    if (follower) follower.election.leader = null
    const { code, err } = await meshgate('tasks', 'run', 'nightly', '--admin', at)
    if (follower) follower.election.leader = leader
    assert.equal(code, 1)
    assert.match(err, /^meshgate: nobody leads at present, so nobody would run "nightly"/)
  })

  it('run without a name asks for one', async () => {
    const { code, err } = await meshgate('tasks', 'run', '--dry-run', '--admin', at)
    assert.deepEqual([code, err.split('\n')[0]], [2, 'meshgate: tasks run: name the task: tasks run NAME'])
  })

  it('NAME with what belongs to a run does not look as if that had been heeded', async () => {
    for (const option of ['--dry-run', '--no-wait', '--deadline=5s']) {
      const { code, err } = await meshgate('tasks', 'nightly', option, '--admin', at)
      assert.deepEqual([code, /are of a run: tasks run NAME/.test(err)], [2, true], option)
    }
  })

  it('NAME of a task that is not there lists those that are', async () => {
    for (const args of [['other'], ['run', 'other'], ['run', 'other', '--dry-run']]) {
      const { code, err } = await meshgate('tasks', ...args, '--admin', at)
      assert.deepEqual([code, err], [1, 'meshgate: there is no task "other"; there are nightly\n'])
    }
  })
})
