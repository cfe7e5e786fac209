import assert from 'node:assert/strict'
import { writeFile, readFile } from 'node:fs/promises'
import { it } from 'node:test'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { startLoad } from '../support/load.ts'
import { put, registerInstance, registries, type TestRegistry } from '../support/registries.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { until } from '../support/until.ts'

// `npm run soak` runs it longer; MESHGATE_SEED repeats a run.
const durationMs = process.env['MESHGATE_SOAK'] ? 180_000 : 8_000
const seed = Number(process.env['MESHGATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const configChanges = process.env['MESHGATE_SOAK'] ? 450 : 20

const config = `
defaults: { health: { every: 200ms, timeout: 500ms } }
routes:
  - /hello/* -> hello
`

for (const { name, skip, start } of registries) {
  it(
    `no idempotent request fails while instances die, come and go and the config changes, with ${name} (seed ${seed})`,
    { skip },
    async () => {
      const random = seededRandom(seed)
      const registry = await start()
      const gateway = await startGatewayProcess({
        registry: registry.first,
        config: `${config}log: { level: warn, access: false }\n`,
      })
      const instances: TestInstance[] = []
      try {
        for (let at = 0; at < 4; at++) instances.push(await addInstance(registry, at))
        await until('all instances get traffic', async () => (await eligibleCount(gateway)) === 4)
        const load = startLoad(`${gateway.web}/hello/`, 8)
        const chaos = { gateway, registry, instances, random }
        const [changes] = await Promise.all([changeConfig(chaos), disturb(chaos)])
        const { sent, failed, failures } = await load.stop()
        assert.equal(failed, 0, `${failed} of ${sent} requests failed: ${failures.join('\n')}`)
        assert.equal(changes, configChanges)
        assert.ok(sent > durationMs / 20, `only ${sent} requests were sent`)
        console.log(`${name}: ${sent} requests, 0 failed, ${changes} config changes, ${chaos.instances.length} instances in all`)
      } finally {
        await gateway.stop()
        await registry.stop()
        for (const instance of instances) await instance.kill()
      }
    },
  )
}

interface Chaos {
  readonly gateway: GatewayProcess
  readonly registry: TestRegistry
  readonly instances: TestInstance[]
  readonly random: () => number
}

/** Half of the changes go into the file, half into KV; each must show up in what serves. */
async function changeConfig({ gateway, registry }: Chaos): Promise<number> {
  const base = await readFile(gateway.configFile, 'utf8')
  const pauseMs = durationMs / configChanges
  let changes = 0
  while (changes < configChanges) {
    const name = `change-${changes}`
    if (changes % 2 === 0)
      await put(registry.address, '/v1/kv/gateway/routes/changing', `match: { path: /${name}/* }\nto: hello\n`)
    else {
      await writeFile(
        gateway.configFile,
        `${base}\n# ${name}\ntasks: []\nupstreams: { hello: { retry: { attempts: ${2 + (changes % 3)} } } }\n`,
      )
      await fetch(`${gateway.admin}/reload`, { method: 'POST' })
    }
    const changedAt = performance.now()
    if (changes % 2 === 0) await until(`${name} serves`, async () => (await fetch(`${gateway.web}/${name}/`)).ok)
    changes++
    await rest(Math.max(0, pauseMs - (performance.now() - changedAt)))
  }
  return changes
}

/** Kills, restarts, adds and deregisters instances; two of them are never touched at a time. */
async function disturb(chaos: Chaos): Promise<void> {
  const { registry, instances, random, gateway } = chaos
  const until = performance.now() + durationMs
  for (let round = 0; performance.now() < until; round++) {
    const victim = instances[Math.floor(random() * 2)]
    if (!victim) return
    if (round % 3 === 0) {
      await victim.kill()
      await rest(400 + random() * 400)
      await victim.restart()
    } else if (round % 3 === 1) {
      const added = await addInstance(registry, instances.length)
      instances.push(added)
      await rest(500)
      await put(registry.address, `/v1/agent/service/deregister/${added.name}`)
      // The registry's answer is not yet the gateway's knowledge: an instance that leaves in order waits for that.
      await rest(300)
      await added.kill()
    } else {
      await put(registry.address, `/v1/agent/service/deregister/${victim.name}`)
      await rest(500)
      await registerInstance(registry.address, 'hello', victim.port, victim.name)
    }
    await waitForTwo(gateway)
  }
}

async function waitForTwo(gateway: GatewayProcess): Promise<void> {
  await until('at least two instances get traffic', async () => (await eligibleCount(gateway)) >= 2)
}

async function addInstance(registry: TestRegistry, number: number): Promise<TestInstance> {
  const instance = await startInstance(`hello-${number}`)
  await registerInstance(registry.address, 'hello', instance.port, instance.name)
  return instance
}

async function eligibleCount(gateway: GatewayProcess): Promise<number> {
  const upstreams = await gateway.ask<readonly { name: string; eligible: number }[]>('/upstreams')
  return upstreams.find(({ name }) => name === 'hello')?.eligible ?? 0
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
