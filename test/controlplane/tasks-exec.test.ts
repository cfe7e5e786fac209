import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { builtIn } from '../../src/config/built-in.ts'
import { parseFile } from '../../src/config/file.ts'
import { execTask } from '../../src/controlplane/tasks/exec.ts'
import { systemCodeOf } from '../../src/errors.ts'
import { fastClock } from '../support/fast-clock.ts'
import { until } from '../support/until.ts'
import { callTaskConfig, startGateway, taskContext } from './tasks-harness.ts'
import { memoryRegistry } from './memory-registry.ts'

const midnight = '2026-01-01T00:00:00Z'

describe('the kind "exec"', () => {
  let folder = ''
  let program = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshgate-exec-'))
    program = join(folder, 'work')
    await writeFile(program, '#!/bin/sh\neval "$1"\n', { mode: 0o700 })
  })
  after(() => rm(folder, { recursive: true, force: true }))

  /** A gateway that leads in term 7 and may run the program, which does what the shell makes of `script`. */
  const start = (script: string, exec: readonly string[] = [program]) => {
    const machine = { ...builtIn.machine, exec, execEnv: ['COLOR', 'MESHGATE_FENCING_TOKEN'] }
    const clock = fastClock(10, Date.now())
    const gateway = startGateway({ registry: memoryRegistry(), prefix: 'gateway', machine, clock })
    const options = { command: [program, script], env: { COLOR: 'blue', MESHGATE_FENCING_TOKEN: '999' } }
    gateway.scheduler.setTasks([callTaskConfig({ kind: 'exec', options, timeoutMs: 300_000 })])
    return gateway
  }

  const outcome = async (script: string, exec?: readonly string[]): Promise<{ ok: boolean | null; detail: string }> => {
    const gateway = start(script, exec)
    try {
      gateway.fire(midnight)
      return await gateway.outcome(midnight)
    } finally {
      await gateway.scheduler.close()
    }
  }

  it('runs a program without a shell, with its fire and its token, its variables, and of ours no secrets', async () => {
    process.env['SECRET_OF_THE_GATEWAY'] = 'x'
    const { ok, detail } = await outcome('env')
    delete process.env['SECRET_OF_THE_GATEWAY']
    assert.equal(ok, true)
    for (const line of [
      'MESHGATE_TASK=nightly',
      'MESHGATE_FIRE=2026-01-01T00:00:00.000Z',
      'MESHGATE_IDEMPOTENCY_KEY=nightly/20260101T000000Z',
      'MESHGATE_FENCING_TOKEN=7',
      'COLOR=blue',
    ])
      assert.ok(detail.split(/[\s]/).includes(line), line)
    assert.ok(!detail.includes('SECRET_OF_THE_GATEWAY'))
  })

  it('fails with the exit code and the end of what was printed', async () => {
    const { ok, detail } = await outcome('head -c 5000 /dev/zero | tr "\\0" x; echo broken >&2; exit 3')
    assert.equal(ok, false)
    assert.match(detail, /work ended with exit code 3: … \(the last 2048 of 5007 bytes\) x+broken$/)
  })

  it('fails where the program is not there', async () => {
    const gone = join(folder, 'gone')
    const context = taskContext(memoryRegistry(), { machine: { ...builtIn.machine, exec: [gone] } })
    await assert.rejects(execTask.run({ command: [gone], env: {} }, context), {
      code: 'task_failed',
      message: /gone cannot be run: .*ENOENT/,
    })
  })

  it('is refused where the operator of the machine has not named the program, whoever wrote the task', async () => {
    const { ok, detail } = await outcome('echo no', [])
    assert.deepEqual(
      [ok, /may not run .*work: write machine: \{ exec: \[.*work\] \} in its config file$/.test(detail)],
      [false, true],
    )
    assert.throws(
      () =>
        parseFile(
          'listeners: { web: { bind: ":0" } }\ntasks: [{ name: a, cron: "@daily", exec: { command: [/bin/true] } }]',
          'f.yaml',
          { env: {} },
        ),
      { message: /f\.yaml:2:9 tasks\[0\]: may not run \/bin\/true/ },
    )
  })

  it('is refused a variable that the operator has not named: BASH_ENV is a program too', async () => {
    const context = taskContext(memoryRegistry(), { machine: { ...builtIn.machine, exec: [program], execEnv: ['COLOR'] } })
    const wanted = { command: [program, 'true'] as const, env: { COLOR: 'blue', BASH_ENV: '$(touch /tmp/owned)' } }
    for (const tried of [execTask.run(wanted, context), execTask.plan(wanted, context)])
      await assert.rejects(tried, { code: 'task_failed', message: /may not set BASH_ENV for .*work: write machine: \{ execEnv/ })
  })

  for (const [end, reason, finish] of [
    ['the lead is lost', /^interrupted: the lock is gone/, (gateway: ReturnType<typeof start>) => gateway.election.lose()],
    [
      'the gateway stops',
      /^interrupted: the gateway stops/,
      (gateway: ReturnType<typeof start>) => void gateway.scheduler.close(),
    ],
  ] as const) {
    it(`is killed with all that it has started when ${end}, and the record says so`, { timeout: 30_000 }, async () => {
      const pids = join(folder, `pids-${end.replaceAll(' ', '-')}`)
      const gateway = start(`sleep 600 & echo "$! $$" > ${pids}; wait`)
      try {
        gateway.fire(midnight)
        const text = await until('it runs', () => readFile(pids, 'utf8').catch(() => ''))
        const running = text.trim().split(' ').map(Number)
        assert.ok(running.length === 2 && running.every(isAlive))
        finish(gateway)
        await until('both are gone', () => !running.some(isAlive), 10_000)
        assert.match((await gateway.outcome(midnight)).detail, reason)
      } finally {
        await gateway.scheduler.close()
      }
    })
  }
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    assert.equal(systemCodeOf(error), 'ESRCH')
    return false
  }
}
