import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { probeScript } from '../../src/registry-server/checks/script-check.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { checkDefinition } from './check-definition.ts'
import { makeFolder, openRegistry } from './registry.ts'

const script = (args: readonly string[], options: object = {}) => ({
  ...checkDefinition,
  kind: 'script' as const,
  args,
  ...options,
})
const shell = (text: string, options: object = {}) => script(['sh', '-c', text], options)

async function run(definition: ReturnType<typeof script>): Promise<string> {
  const { status, output } = await probeScript(definition, systemClock, new AbortController().signal)
  return `${status} ${output}`
}

test('the exit code of a script is its status: 0 passing, 1 a warning, any other or a signal critical', async () => {
  assert.equal(await run(shell('echo fine')), 'passing fine\n')
  assert.equal(await run(shell('echo hm; echo err >&2; exit 1')), 'warning hm\nerr\n')
  assert.equal(await run(shell('exit 2')), 'critical ')
  assert.equal(await run(shell('kill -9 $$')), 'critical ')
})

test('of a long output the end is kept, and how much there was is said', async () => {
  assert.equal(
    await run(shell('seq 1 3000', { outputMaxBytes: 20 })),
    'passing Captured 20 of 13893 bytes\n...\n2997\n2998\n2999\n3000\n',
  )
})

test('a script that cannot be started is critical and says why', async (context) => {
  const file = join(makeFolder(context), 'script.sh')
  writeFileSync(file, '#!/bin/sh\n')
  chmodSync(file, 0o600)
  assert.equal(await run(script(['no-such-program'])), 'critical exec: "no-such-program": executable file not found in $PATH')
  assert.equal(await run(script(['/no/such'])), 'critical fork/exec /no/such: no such file or directory')
  assert.equal(await run(script([file])), `critical fork/exec ${file}: permission denied`)
})

test('what can never be run is a critical check, and the registry goes on', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock, enableScripts: true })
  await registry.put('/v1/agent/check/register', { ID: 'nul', Name: 'nul', Args: ['/bin/echo', 'a\0b'], Interval: '1s' })
  await registry.put('/v1/agent/check/register', { ID: 'none', Name: 'none', Args: [''], Interval: '1s', Status: 'passing' })
  await clock.advance(1000)
  const checks = (await registry.get('/v1/agent/checks')).json<Record<string, { Status: string; Output: string }>>()
  assert.match(checks['nul']?.Output ?? '', /null bytes/)
  assert.equal(checks['none']?.Status, 'critical')
})

test('a script that takes too long is killed with everything it started', async (context) => {
  const folder = makeFolder(context)
  const clock = new ManualClock()
  const text = `(while :; do date > ${folder}/alive; sleep 0.02; done) & echo started; wait`
  const result = probeScript(shell(text, { timeoutMs: 90_000 }), clock, new AbortController().signal)
  await until('its child runs', () => existsSync(join(folder, 'alive')))
  await clock.advance(90_000)
  // The output ends only when the last process that holds the pipe is gone: this is the proof.
  assert.deepEqual(await result, { status: 'critical', output: 'Timed out (1m30s) running check\n\nstarted\n' })
  assert.equal(clock.pending, 0)
})

test('a script of a check that is deregistered ends with it', async (context) => {
  const folder = makeFolder(context)
  const registry = await openRegistry(context, { enableScripts: true })
  const args = ['sh', '-c', `echo $$ > ${folder}/pid; exec sleep 60`]
  await registry.put('/v1/agent/check/register', { ID: 's', Name: 's', Args: args, Interval: '1s' })
  const pid = await until('it runs', async () => Number(readFileSync(join(folder, 'pid'), 'utf8')))
  await registry.put('/v1/agent/check/deregister/s')
  await until('it is gone', () => !isAlive(pid))
})

test('scripts are refused unless the registry was started with them, on a check and in a service', async (context) => {
  const registry = await openRegistry(context)
  const check = { Args: ['true'], Interval: '1s' }
  for (const [path, body] of [
    ['/v1/agent/check/register', { ID: 's', Name: 's', ...check }],
    ['/v1/agent/service/register', { Name: 'web', Check: check }],
  ] as const) {
    const { status, text } = await registry.put(path, body)
    assert.equal(status, 500)
    assert.equal(
      text,
      "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
    )
  }
  assert.equal((await registry.get('/v1/agent/services')).text, '{}')
})

test('a script that was registered while scripts were on does not run when they are off', async (context) => {
  const folder = makeFolder(context)
  const data = join(folder, 'data')
  const first = await openRegistry(context, { data, enableScripts: true, clock: new ManualClock() })
  const args = ['touch', join(folder, 'ran')]
  await first.put('/v1/agent/check/register', { ID: 's', Name: 's', Args: args, Interval: '1s', Status: 'passing' })
  await first.server.close()
  const clock = new ManualClock()
  const second = await openRegistry(context, { data, clock })
  await clock.advance(2000)
  const checks = (await second.get('/v1/agent/checks')).json<Record<string, { Status: string; Output: string }>>()
  assert.deepEqual([checks['s']?.Status, checks['s']?.Output], ['critical', 'Scripts are disabled on this agent'])
  assert.equal(existsSync(join(folder, 'ran')), false)
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    // ESRCH: gone.
    return false
  }
}
