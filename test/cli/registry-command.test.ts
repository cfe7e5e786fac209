import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { freePorts, runMeshgate, spawnMeshgate } from '../support/meshgate-process.ts'
import { put } from '../support/registries.ts'
import { until } from '../support/until.ts'

describe('meshgate registry', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'meshgate-registry-'))))
  after(() => rm(folder, { recursive: true, force: true }))

  it('serves until SIGTERM, ends with exit code 0, and has its data again', async () => {
    const [port = 0] = await freePorts(1)
    const address = `http://127.0.0.1:${port}`
    const start = async () => {
      const args = ['--http', `127.0.0.1:${port}`, '--dns', 'off', '--data', folder, '--node', 'box-1', '--datacenter', 'berlin']
      const running = spawnMeshgate(['registry', ...args])
      await until('it answers', async () => (await fetch(`${address}/v1/status/leader`)).ok)
      return running
    }
    const first = await start()
    await put(address, '/v1/kv/a', 'kept')
    const self = (await (await fetch(`${address}/v1/agent/self`)).json()) as { Config: { NodeName: string; Datacenter: string } }
    assert.deepEqual([self.Config.NodeName, self.Config.Datacenter], ['box-1', 'berlin'])
    assert.equal(await first.end('SIGTERM'), 0)
    assert.match(first.output(), /SIGTERM: shutting down[^]*stopped/)

    const second = await start()
    assert.equal(await (await fetch(`${address}/v1/kv/a?raw`)).text(), 'kept')
    assert.equal(await second.end('SIGINT'), 0)
  })

  it('answers DNS where --dns says, and ends with exit code 1 when somebody else does', async () => {
    const [port = 0, other = 0, dns = 0] = await freePorts(3)
    const args = (http: number, data: string) => [
      'registry',
      '--http',
      `127.0.0.1:${http}`,
      '--dns',
      `127.0.0.1:${dns}`,
      '--data',
      data,
    ]
    const running = spawnMeshgate(args(port, join(folder, 'dns')))
    try {
      const resolver = new Resolver()
      resolver.setServers([`127.0.0.1:${dns}`])
      await until('it answers', async () => (await resolver.resolve4('consul.service.consul'))[0] === '127.0.0.1')
      const { code, output } = await runMeshgate(args(other, join(folder, 'dns-2')))
      assert.equal(code, 1)
      assert.match(
        output,
        new RegExp(`registry\\.embedded\\.dns: cannot listen on 127\\.0\\.0\\.1:${dns}: another process has it`),
      )
    } finally {
      await running.end('SIGTERM')
    }
  })

  it('refuses to be open to other machines without a token', async () => {
    for (const host of ['0.0.0.0', '[::]', '192.0.2.1']) {
      const { code, output } = await runMeshgate(['registry', '--http', `${host}:8500`, '--data', join(folder, 'open')])
      assert.equal(code, 2)
      assert.match(output, /--http .* is open to other machines: give a --token too, or bind 127\.0\.0\.1/)
    }
  })

  it('takes the names that a config file may give, and no others', async () => {
    for (const [option, text] of [
      ['--datacenter', 'my dc'],
      ['--node', ''],
    ] as const) {
      const { code, output } = await runMeshgate(['registry', option, text, '--data', join(folder, 'named')])
      assert.equal(code, 2)
      assert.match(output, new RegExp(`${option} "${text}" is not a name: write letters`))
    }
  })

  it('ends with exit code 1 when its port is taken', async () => {
    const [port = 0] = await freePorts(1)
    const holder = spawnMeshgate(['registry', '--http', `127.0.0.1:${port}`, '--dns', 'off', '--data', join(folder, 'one')])
    try {
      await until('it answers', async () => (await fetch(`http://127.0.0.1:${port}/v1/status/leader`)).ok)
      const { code, output } = await runMeshgate([
        'registry',
        '--http',
        `127.0.0.1:${port}`,
        '--dns',
        'off',
        '--data',
        join(folder, 'two'),
      ])
      assert.equal(code, 1)
      assert.match(output, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another process has it`))
    } finally {
      await holder.end('SIGTERM')
    }
  })
})
