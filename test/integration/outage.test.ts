import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { it } from 'node:test'
import type { ReadinessReport } from '../../src/controlplane/readiness.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { startLoad, type Load } from '../support/load.ts'
import { freePorts, spawnMeshgate, type MeshgateProcess } from '../support/meshgate-process.ts'
import { put, registerInstance } from '../support/registries.ts'
import { until } from '../support/until.ts'

// `npm run soak` has the registry away for five minutes.
const outageMs = process.env['MESHGATE_SOAK'] ? 300_000 : 9_000

const config = `
defaults: { health: { every: 200ms, timeout: 500ms } }
log: { level: warn, access: false }
`

interface Room {
  readonly address: string
  readonly port: number
  readonly folder: string
}

const routeKey = '/v1/kv/gateway/routes/hello'

/** With data of its own each time, in which the route is and nobody is registered. */
async function startRegistry(room: Room, data: string): Promise<MeshgateProcess> {
  const [port = 0] = await freePorts(1)
  const elsewhere = { ...room, port, address: `http://127.0.0.1:${port}` }
  const preparing = await spawnRegistry(elsewhere, data)
  // The route is in KV alone: it has to come from disk as well.
  await put(elsewhere.address, routeKey, '/hello/* -> hello')
  await preparing.end('SIGTERM')
  const registry = await spawnRegistry(room, data)
  assert.equal((await fetch(`${room.address}${routeKey}`)).status, 200, 'the route is in KV')
  return registry
}

/** Ends with this process, if the caller has not ended it. */
async function spawnRegistry({ port, folder, address }: Room, data: string): Promise<MeshgateProcess> {
  const registry = spawnMeshgate(['registry', '--http', `127.0.0.1:${port}`, '--dns', 'off', '--data', join(folder, data)])
  let hasEnded = false
  void registry.exited.then(() => (hasEnded = true))
  const answers = async (): Promise<boolean> => (await fetch(`${address}/v1/status/leader`)).ok
  // Who answers while ours has ended is somebody else.
  await until('the registry answers, or has ended', async () => hasEnded || answers(), 60_000)
  assert.equal(hasEnded, false, registry.output())
  return registry
}

function readiness(gateway: GatewayProcess): Promise<ReadinessReport> {
  return gateway.ask<ReadinessReport>('/readyz')
}

it(`no request fails while the registry is away for ${outageMs / 1000} s, an instance dies, the gateway restarts and the registry comes back knowing nobody`, async () => {
  const [port = 0] = await freePorts(1)
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-outage-'))
  const room = { address: `http://127.0.0.1:${port}`, port, folder }
  const instances: TestInstance[] = []
  let registry = await startRegistry(room, 'before')
  const gateway = await startGatewayProcess({
    registry: `{ consul: { address: "${room.address}", ageHeader: true } }`,
    config,
  })
  let restarted: MeshgateProcess | null = null
  const loads: Load[] = []
  const startLoading = (): Load => {
    const load = startLoad(`${gateway.web}/hello/`, 4)
    loads.push(load)
    return load
  }
  try {
    for (let at = 0; at < 3; at++) instances.push(await startInstance(`hello-${at}`))
    const registerAll = async (): Promise<void> => {
      for (const { port: own } of instances.slice(1)) await registerInstance(room.address, 'hello', own)
    }
    await registerInstance(room.address, 'hello', instances[0]?.port ?? 0)
    await registerAll()
    await until('all serve', async () => (await eligible(gateway)) === 3, 20_000)
    assert.equal((await fetch(`${gateway.web}/hello/`)).headers.get('registry-age'), null)

    const during = startLoading()
    await registry.end('SIGKILL')
    await rest(outageMs / 3)
    await instances[0]?.kill()
    await until('the dead one is out', async () => (await eligible(gateway)) === 2)
    await until('the outage is told', async () => (await readiness(gateway)).registry.stale, 60_000)
    await rest((outageMs * 2) / 3)
    assert.equal((await readiness(gateway)).ready, true)
    assert.match((await fetch(`${gateway.web}/hello/`)).headers.get('registry-age') ?? '', /^\d+$/)
    report('while it was away', await during.stop())

    await gateway.process.end('SIGKILL')
    const startedAt = performance.now()
    restarted = spawnMeshgate(['run', '--config', gateway.configFile], { cwd: dirname(gateway.configFile) })
    await until('the restarted gateway serves', async () => (await fetch(`${gateway.web}/hello/`)).ok, 20_000)
    console.log(`served from disk ${Math.round(performance.now() - startedAt)} ms after its start`)
    const restartedReport = await until('it is ready', async () => {
      const found = await readiness(gateway)
      return found.ready ? found : null
    })
    assert.deepEqual([restartedReport.registry.stale, restartedReport.registry.fromDisk], [true, true])
    assert.ok((restartedReport.registry.ageMs ?? 0) >= outageMs / 2, 'the age goes on from before the restart')

    const after = startLoading()
    registry = await startRegistry(room, 'after')
    await until('the registry is heard', async () => !(await readiness(gateway)).registry.stale, 30_000)
    await rest(1_000)
    const heldThen = await upstream(gateway)
    const seen = `${JSON.stringify(heldThen)}\n${restarted.output()}`
    assert.equal(heldThen?.eligible, 2, `those that the registry does not know yet are not held: ${seen}`)
    await registerAll()
    await until('nobody is held any more', async () => (await held(gateway)) === 0, 30_000)
    report('when it was back', await after.stop())
  } finally {
    for (const load of loads) await load.stop()
    await restarted?.end('SIGTERM')
    await gateway.stop()
    await registry.end('SIGKILL')
    for (const instance of instances) await instance.kill()
    await rm(folder, { recursive: true, force: true })
  }
})

function report(when: string, { sent, failed, failures }: { sent: number; failed: number; failures: readonly string[] }): void {
  assert.equal(failed, 0, `${failed} of ${sent} requests failed ${when}: ${failures.join('\n')}`)
  assert.ok(sent > 100, `only ${sent} requests were sent`)
  console.log(`${when}: ${sent} requests, 0 failed`)
}

interface UpstreamSeen {
  readonly name: string
  readonly eligible: number
  readonly instances: readonly { readonly held: boolean }[]
}

async function upstream(gateway: GatewayProcess): Promise<UpstreamSeen | undefined> {
  return (await gateway.ask<readonly UpstreamSeen[]>('/upstreams')).find(({ name }) => name === 'hello')
}

async function eligible(gateway: GatewayProcess): Promise<number> {
  return (await upstream(gateway))?.eligible ?? 0
}

async function held(gateway: GatewayProcess): Promise<number> {
  return (await upstream(gateway))?.instances.filter((instance) => instance.held).length ?? 0
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
