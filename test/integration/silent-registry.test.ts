import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { it } from 'node:test'
import type { ReadinessReport } from '../../src/controlplane/readiness.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startInstance } from '../support/instance.ts'
import { freePorts, spawnMeshgate, untilReady } from '../support/meshgate-process.ts'
import { put, registerInstance } from '../support/registries.ts'
import { until } from '../support/until.ts'

async function serves({ web }: GatewayProcess, path: string): Promise<string> {
  const answer = await fetch(`${web}${path}`)
  return `${answer.status} ${await answer.text()}`
}

it('a gateway with static upstreams alone is ready and serves though its registry is away from the start', async (t) => {
  const [nobody = 0] = await freePorts(1)
  const instance = await startInstance('fixed')
  t.after(() => instance.kill())
  const gateway = await startGatewayProcess({
    registry: `{ consul: { address: "http://127.0.0.1:${nobody}" } }`,
    config: `upstreams: { fixed: { instances: ["127.0.0.1:${instance.port}"] } }\nroutes: [/fixed/* -> fixed]\n`,
  })
  t.after(() => gateway.stop())
  assert.equal(await serves(gateway, '/fixed/'), '200 fixed')
  const { ready, registry } = await gateway.ask<ReadinessReport>('/readyz')
  assert.deepEqual([ready, registry.ageMs], [true, null])
  assert.match(registry.lastError ?? '', /nobody listens there/)
})

it('a gateway whose registry takes connections and is silent serves from disk, and hears it when it goes on', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-silent-'))
  const [port = 0] = await freePorts(1)
  const address = `http://127.0.0.1:${port}`
  const registry = spawnMeshgate(['registry', '--http', `127.0.0.1:${port}`, '--dns', 'off', '--data', join(folder, 'data')])
  t.after(async () => {
    await registry.end('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  await until('the registry answers', async () => (await fetch(`${address}/v1/status/leader`)).ok, 40_000)
  const [first, second] = [await startInstance('first'), await startInstance('second')]
  t.after(() => Promise.all([first.kill(), second.kill()]))
  await put(address, '/v1/kv/gateway/routes/hello', '/hello/* -> hello')
  await registerInstance(address, 'hello', first.port)
  const gateway = await startGatewayProcess({ registry: `{ consul: { address: "${address}" } }` })
  t.after(() => gateway.stop())
  await until('it serves', async () => (await serves(gateway, '/hello/')) === '200 first')
  // What it was told is written within a second; an orderly end writes it at once.
  await gateway.process.end('SIGTERM')

  // The kernel goes on taking connections for a process that is stopped: a black hole.
  process.kill(registry.pid, 'SIGSTOP')
  const restarted = spawnMeshgate(['run', '--config', gateway.configFile], { cwd: dirname(gateway.configFile) })
  t.after(() => restarted.end('SIGKILL'))
  await untilReady(Number(new URL(gateway.admin).port), restarted)
  assert.equal(await serves(gateway, '/hello/'), '200 first')
  const { registry: standing } = await gateway.ask<ReadinessReport>('/readyz')
  assert.deepEqual([standing.stale, standing.fromDisk], [true, true])

  process.kill(registry.pid, 'SIGCONT')
  await until('it hears the registry', async () => !(await gateway.ask<ReadinessReport>('/readyz')).registry.fromDisk, 30_000)
  await registerInstance(address, 'hello', second.port)
  await until('a new instance serves', async () => (await serves(gateway, '/hello/')) === '200 second', 30_000)
})
