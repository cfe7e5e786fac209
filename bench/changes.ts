/**
 * From a change to traffic, with real processes: `npm run bench:changes [-- --rounds 60 --consul]`. From the `PUT` of a registration to the first
 * answer of the new instance, its probe included; from the deregistration to the last answer; and a reload of 10,000 routes under load, with
 * the latencies of requests beside those without.
 */
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Agent, request } from 'undici'
import { startConsul } from '../test/support/consul.ts'
import { startInstance, type TestInstance } from '../test/support/instance.ts'
import { freePorts, spawnMeshgate, untilReady } from '../test/support/meshgate-process.ts'
import { put, registerInstance } from '../test/support/registries.ts'
import { until } from '../test/support/until.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '16' },
    consul: { type: 'boolean', default: false },
  },
})
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
const routes = 10_000
const folder = mkdtempSync(join(tmpdir(), 'meshgate-bench-'))
const [web = 0, admin = 0, http = 0] = await freePorts(3)
const file = join(folder, 'gateway.yaml')
const consul = values.consul ? await startConsul() : null
const registry = consul?.address ?? `http://127.0.0.1:${http}`
const config = (change: number): string =>
  [
    `listeners: { web: { bind: "127.0.0.1:${web}" } }`,
    `admin: { bind: "127.0.0.1:${admin}" }`,
    `registry: ${consul ? `{ consul: { address: "${registry}", state: "${folder}/state" } }` : `{ embedded: { http: "127.0.0.1:${http}", dns: off, data: "${folder}/data" } }`}`,
    'log: { level: warn }',
    'routes:',
    '  - /hello -> hello',
    ...Array.from({ length: routes }, (_, at) => `  - /r${at}/* -> hello${at === change ? '-2' : ''}`),
  ].join('\n')
writeFileSync(file, config(-1))
const gateway = spawnMeshgate(['run', '--config', file])
const instances: TestInstance[] = []
const agent = new Agent({ connections: 8, pipelining: 1 })
const url = `http://127.0.0.1:${web}/hello`

try {
  await untilReady(admin, gateway)
  for (const name of ['a', 'b']) {
    const instance = await startInstance(name)
    instances.push(instance)
    await registerInstance(registry, 'hello', instance.port)
  }
  await until('both answer', async () => (await ask()) !== null && instances.every(({ hits }) => hits > 0))
  await changes()
  await reloads()
} finally {
  await gateway.end('SIGTERM')
  await consul?.stop()
  for (const instance of instances) await instance.kill()
  await agent.close()
  rmSync(folder, { recursive: true, force: true })
}

async function changes(): Promise<void> {
  const [toFirst, toNone]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    const instance = await startInstance(`new-${round}`)
    const registeredAt = performance.now()
    await registerInstance(registry, 'hello', instance.port)
    while ((await ask()) !== instance.name);
    toFirst.push(performance.now() - registeredAt)
    const leftAt = performance.now()
    await put(registry, `/v1/agent/service/deregister/hello-${instance.port}`)
    let lastAt = leftAt
    // A round of three without it is the proof that it is out.
    for (let others = 0; others < 12; others++) {
      if ((await ask()) !== instance.name) continue
      others = 0
      lastAt = performance.now()
    }
    toNone.push(lastAt - leftAt)
    await instance.kill()
  }
  tell(`registration to the first answer, ms (${values.consul ? 'real Consul' : 'embedded registry'})`, toFirst)
  tell('deregistration to the last answer, ms', toNone)
}

async function reloads(): Promise<void> {
  const [quiet, reloading, took]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < 4; round++) {
    await load(quiet, seconds / 4)
    writeFileSync(file, config(round))
    const reload = async (): Promise<void> => {
      const startedAt = performance.now()
      const answer = await fetch(`http://127.0.0.1:${admin}/reload`, { method: 'POST' })
      if (!answer.ok) throw new Error(await answer.text())
      await answer.text()
      took.push(performance.now() - startedAt)
    }
    await Promise.all([load(reloading, seconds / 4), reload()])
  }
  tell(`reload of ${routes} routes, ms`, took)
  tell('requests without a reload, ms', quiet)
  tell('requests with one, ms', reloading)
}

async function load(latencies: number[], forSeconds: number): Promise<void> {
  const end = performance.now() + forSeconds * 1000
  const loop = async (): Promise<void> => {
    while (performance.now() < end) {
      const startedAt = performance.now()
      await ask()
      latencies.push(performance.now() - startedAt)
      // About half of what two cores can do: what is measured is the gateway, not who gets the processor.
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  }
  await Promise.all(Array.from({ length: 8 }, loop))
}

async function ask(): Promise<string | null> {
  const answer = await request(url, { dispatcher: agent })
  const text = await answer.body.text()
  return answer.statusCode === 200 ? text : null
}

function tell(what: string, measured: readonly number[]): void {
  const sorted = measured.toSorted((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)
  console.log(`${what}: median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} (${measured.length})`)
}
