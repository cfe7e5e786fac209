import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { silentLogger } from '../../src/logging.ts'
import { endWorker } from '../../src/registry-server/worker-end.ts'
import { ManualClock } from '../support/manual-clock.ts'

async function startWorker(code: string): Promise<Worker> {
  const worker = new Worker(`const { parentPort } = require('node:worker_threads'); parentPort.postMessage('up'); ${code}`, {
    eval: true,
  })
  await once(worker, 'message')
  return worker
}

test('a thread that hangs is terminated after five seconds', { timeout: 20_000 }, async () => {
  const clock = new ManualClock()
  const worker = await startWorker('for (;;);')
  let hasEnded = false
  const ended = endWorker(worker, { clock, logger: silentLogger }).then(() => (hasEnded = true))
  await clock.advance(4_999)
  assert.equal(hasEnded, false)
  await clock.advance(1)
  await ended
})

test('a thread that ends when asked is not terminated', async () => {
  const clock = new ManualClock()
  const worker = await startWorker("parentPort.once('message', () => { process.exitCode = 7; parentPort.close() })")
  const exited = once(worker, 'exit')
  await endWorker(worker, { clock, logger: silentLogger })
  assert.deepEqual(await exited, [7])
})
