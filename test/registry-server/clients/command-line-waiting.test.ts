import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { until } from '../../support/until.ts'
import { makeFolder } from '../registry.ts'
import { commandLineTargets, openCommandLine, type CommandLine } from './command-line.ts'
import { endsWithUs } from '../../support/ends-with-us.ts'

for (const target of commandLineTargets) {
  test(`Consul's own command line waits on ${target.name}`, { skip: target.skip }, async (context) => {
    const line = await openCommandLine(context, target)
    const { consul, run } = line

    await context.test('lock: one holder at a time, the next one after it', async (step) => {
      const file = join(makeFolder(step), 'order')
      const hold = (name: string): Promise<string> =>
        consul('lock', 'app/lock', `echo ${name} in >> ${file}; sleep 0.2; echo ${name} out >> ${file}`)
      await Promise.all([hold('a'), hold('b')])
      const order = readFileSync(file, 'utf8')
      assert.ok(['a in\na out\nb in\nb out\n', 'b in\nb out\na in\na out\n'].includes(order), order)
    })

    await context.test('lock: a semaphore of two, and a try that gives up', async (step) => {
      // `cat` holds the lock until its standard input ends.
      const holder = endsWithUs(
        spawn(line.binary, ['lock', '-pass-stdin', 'app/one', 'echo held; cat'], {
          env: { ...process.env, ...line.env },
        }),
      )
      step.after(() => holder.kill('SIGKILL'))
      await new Promise((resolve) => holder.stdout.once('data', resolve))
      const refused = await run(['lock', '-timeout=300ms', 'app/one', 'echo never'])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /timeout during lock acquisition/)
      assert.equal(refused.stdout, '')
      const released = new Promise((resolve) => holder.once('exit', resolve))
      holder.stdin.end()
      await released
      const both = await Promise.all([1, 2].map((n) => consul('lock', '-n=2', 'app/sem', `echo slot ${n}`)))
      assert.deepEqual(both.toSorted(), ['slot 1\n', 'slot 2\n'])
    })

    await context.test('lock: passes on how its child ended', async () => {
      assert.equal((await run(['lock', '-child-exit-code', 'app/code', 'exit 7'])).code, 2)
      assert.equal((await run(['lock', 'app/code', 'exit 7'])).code, 0)
    })

    await context.test(
      'watch: tells of keys, prefixes, services, checks and events once, and again on a change',
      async (step) => {
        await consul('kv', 'put', 'watched/a', 'one')
        await consul('services', 'register', '-name=seen')
        const seenOnce = await run(['watch', '-type=service', '-service=seen'])
        assert.match(seenOnce.stdout, /"Service": "seen"/)
        assert.match((await run(['watch', '-type=services'])).stdout, /"seen"/)
        assert.match((await run(['watch', '-type=nodes'])).stdout, /"n1"/)
        assert.match((await run(['watch', '-type=checks', '-state=passing'])).stdout, /"serfHealth"/)
        assert.match((await run(['watch', '-type=keyprefix', '-prefix=watched/'])).stdout, /"watched\/a"/)
        const seen = startWatch(step, line, ['-type=key', '-key=watched/a'])
        assert.equal(await seen(), Buffer.from('one').toString('base64'))
        await consul('kv', 'put', 'watched/a', 'two')
        assert.equal(await seen(), Buffer.from('two').toString('base64'))
        await consul('kv', 'put', 'watched/neighbour', 'no news')
        await consul('kv', 'put', 'watched/a', 'three')
        assert.equal(await seen(), Buffer.from('three').toString('base64'))
      },
    )
  })
}

test('monitor shows what the registry logs while it runs', { skip: commandLineTargets[0]?.skip ?? false }, async (context) => {
  const [embedded] = commandLineTargets
  assert.ok(embedded)
  const { binary, env, consul } = await openCommandLine(context, embedded)
  const child = endsWithUs(
    spawn(binary, ['monitor', '-log-level=debug'], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  context.after(() => child.kill('SIGKILL'))
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  await until('the monitor shows a request', async () => {
    await consul('kv', 'put', 'monitored', 'x')
    return shown.includes('[DEBUG] registry: PUT /v1/kv/monitored: 200')
  })
})

/** Starts a watch whose handler prints each state in one line; gives the value of the next one. */
function startWatch(test: TestContext, { binary, env }: CommandLine, args: readonly string[]): () => Promise<string> {
  const child = endsWithUs(
    spawn(binary, ['watch', ...args, 'cat; echo'], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  test.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async () => {
    for (;;) {
      const { value = '', done } = await lines.next()
      if (done) throw new Error('the watch ended')
      if (value.trim() !== '') return (JSON.parse(value) as { Value: string }).Value
    }
  }
}
