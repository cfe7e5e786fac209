import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { BatchedOutput } from '../src/batched-output.ts'
import { ManualClock } from './support/manual-clock.ts'
import { until } from './support/until.ts'

const module = new URL('../src/batched-output.ts', import.meta.url).href
const clockModule = new URL('../src/clock.ts', import.meta.url).href

test('lines are gathered, and none waits longer than 50 ms', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshgate-output-'))
  const file = join(folder, 'log')
  const fd = openSync(file, 'w')
  const clock = new ManualClock()
  const output = new BatchedOutput(fd, clock)
  output.write('one\n')
  output.write('two\n')
  assert.equal(readFileSync(file, 'utf8'), '')
  clock.advance(50)
  await until('they are written', () => readFileSync(file, 'utf8') === 'one\ntwo\n')
  output.write('three\n')
  output.flushSync()
  assert.equal(readFileSync(file, 'utf8'), 'one\ntwo\nthree\n')
  closeSync(fd)
  rmSync(folder, { recursive: true })
})

test('everything arrives in order through a pipe that is read slowly', async () => {
  const lines = Array.from({ length: 20_000 }, (_, at) => `line ${at} ${'x'.repeat(80)}\n`).join('')
  const child = run(
    `for (let at = 0; at < 20_000; at++) output.write(\`line \${at} \${'x'.repeat(80)}\\n\`); setTimeout(() => output.flushSync(), 200)`,
  )
  let read = ''
  for await (const chunk of child.stdout) {
    read += String(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(read.length, lines.length)
  assert.ok(read === lines)
})

test('what is written just before the end arrives in order', async () => {
  const child = run(`for (let at = 0; at < 3_000; at++) output.write(\`line \${at}\\n\`); await output.flushed(); process.exit()`)
  let read = ''
  for await (const chunk of child.stdout) read += String(chunk)
  assert.equal(read, Array.from({ length: 3_000 }, (_, at) => `line ${at}\n`).join(''))
})

test('a process ends although nobody reads its last lines', async () => {
  const child = run(
    `process.stdin.once('data', () => { output.write('too late\\n'); output.flushSync(); process.exit(7) })`,
    'pipe',
  )
  child.stdout.destroy()
  await once(child.stdout, 'close')
  child.stdin?.write('go')
  assert.deepEqual(await once(child, 'exit'), [7, null])
})

function run(script: string, stdin: 'ignore' | 'pipe' = 'ignore') {
  const text = `import { BatchedOutput } from ${JSON.stringify(module)}
import { systemClock } from ${JSON.stringify(clockModule)}
const output = new BatchedOutput(1, systemClock)
${script}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: [stdin, 'pipe', 'inherit'] })
  const { stdout } = child
  assert.ok(stdout)
  return Object.assign(child, { stdout })
}
