import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { systemClock, systemRandom } from '../src/clock.ts'
import { parseFile } from '../src/config/file.ts'
import { startEmbeddedRegistry, type EmbeddedRegistry } from '../src/embedded-registry.ts'
import { keptLog } from './controlplane/control-plane.ts'
import { put } from './support/registries.ts'
import { until } from './support/until.ts'

describe('the embedded registry of a gateway', () => {
  let folder: string
  let embedded: EmbeddedRegistry | null = null
  const threads: Worker[] = []
  const onWorker = (worker: Worker): void => void threads.push(worker)

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshgate-embedded-'))
    process.on('worker', onWorker)
  })
  afterEach(async () => {
    await embedded?.close()
    embedded = null
  })
  after(async () => {
    process.off('worker', onWorker)
    await rm(folder, { recursive: true, force: true })
  })

  const start = async (data: string) => {
    const log = keptLog()
    const text = `listeners: { web: { bind: ":0" } }\nregistry: { embedded: { http: "127.0.0.1:0", dns: off, data: ${join(folder, data)} } }`
    const config = parseFile(text, 'gateway.yaml', { env: {} }).cold.registry
    assert.ok(config.kind === 'embedded')
    embedded = await startEmbeddedRegistry(config, { clock: systemClock, random: systemRandom, logger: log.logger })
    return { log, address: `http://127.0.0.1:${embedded.address.port}`, running: embedded }
  }

  it('whose thread dies is back on the same address with all its data, and dying again does not change that', async () => {
    const { log, address } = await start('dies')
    await put(address, '/v1/kv/kept', 'value')
    for (const deaths of [1, 2]) {
      await threads.at(-1)?.terminate()
      await until('the death is told', () => log.of('registry.died').length === deaths)
      await until('it answers again', async () => (await fetch(`${address}/v1/status/leader`)).ok)
      assert.equal(await (await fetch(`${address}/v1/kv/kept?raw`)).text(), 'value')
      assert.equal(log.of('registry.restarted').length, deaths)
    }
  })

  it('is not started again after close', async () => {
    const { running, log, address } = await start('closes')
    const count = threads.length
    await running.close()
    assert.equal(threads.length, count)
    assert.deepEqual(log.of('registry.died'), [])
    await assert.rejects(fetch(`${address}/v1/status/leader`))
  })

  it('can be closed right after its thread has died', async () => {
    const { running } = await start('dies-at-close')
    await threads.at(-1)?.terminate()
    await running.close()
  })
})
