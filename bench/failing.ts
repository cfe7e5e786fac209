/**
 * What a service that fails costs its callers and itself: `node bench/failing.ts`. How soon the answer comes when every instance is known to fail, and
 * how many requests instances get that answer nothing but errors, with retries on. The whole gateway, in a process of its own.
 */
import type { ServerResponse } from 'node:http'
import { availableParallelism, cpus } from 'node:os'
import { Agent, request } from 'undici'
import type { UpstreamView } from '../src/admin/upstreams-view.ts'
import { startGatewayProcess, type GatewayProcess } from '../test/support/gateway-process.ts'
import { startInstance } from '../test/support/instance.ts'
import { freePorts } from '../test/support/meshgate-process.ts'
import { until } from '../test/support/until.ts'

const ONE_BY_ONE = 5_000
const AT_ONCE = 16
const LOAD = 20_000

const agent = new Agent({ connections: AT_ONCE, pipelining: 1 })

console.log(`Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? '?'}\n`)
console.log('| instances, all failing | p50 ms | p99 ms | what the answer says |\n| ---: | ---: | ---: | --- |')
for (const instances of [10, 1_000]) await timeRefusals(instances)
console.log(
  '\n| every instance | attempts each | budget | requests | attempts | load |\n| --- | ---: | ---: | ---: | ---: | ---: |',
)
for (const budget of ['20%', '10%']) {
  await countAttempts('503', { budget, fail: (response) => response.writeHead(503).end('no') })
  await countAttempts('reset', { budget, fail: (response) => response.socket?.resetAndDestroy() })
}
await agent.destroy()
process.exit(0)

async function started(config: string): Promise<GatewayProcess> {
  const [http] = await freePorts(1)
  const registry = `{ embedded: { http: "127.0.0.1:${http}", dns: off, data: "{folder}/data" } }`
  return startGatewayProcess({ registry, config: `${config}\nlog: { level: error }\nroutes: ["/* -> app"]\n` })
}

/** Nobody listens there. */
async function timeRefusals(instances: number): Promise<void> {
  const list = Array.from({ length: instances }, (_, at) => `"127.1.${at >> 8}.${at & 255}:1"`)
  const gateway = await started(`upstreams: { app: { instances: [${list.join(', ')}], health: { http: /healthz, every: 5s } } }`)
  try {
    await until('all have been looked at', async () => (await reasonOf(gateway)).includes(`${instances} failing`))
    const reason = await reasonOf(gateway)
    const tookMs: number[] = []
    // The first thousand warms both sides up.
    for (let i = -1_000; i < ONE_BY_ONE; i++) {
      const since = performance.now()
      const { statusCode, body } = await request(gateway.web, { dispatcher: agent })
      await body.dump()
      if (statusCode !== 503) throw new Error(`the answer was ${statusCode}`)
      if (i >= 0) tookMs.push(performance.now() - since)
    }
    const sorted = tookMs.toSorted((a, b) => a - b)
    const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2)
    console.log(`| ${instances} | ${at(0.5)} | ${at(0.99)} | \`${reason}\` |`)
  } finally {
    await gateway.stop()
  }
}

async function reasonOf(gateway: GatewayProcess): Promise<string> {
  const [app] = await gateway.ask<readonly UpstreamView[]>('/upstreams')
  return app?.unavailable?.reason ?? ''
}

async function countAttempts(
  name: string,
  { budget, fail }: { readonly budget: string; readonly fail: (response: ServerResponse) => void },
): Promise<void> {
  const instances = await Promise.all(
    Array.from({ length: 4 }, (_, at) =>
      startInstance(`i${at}`, (incoming, response) => {
        incoming.resume()
        fail(response)
      }),
    ),
  )
  const attempts = 3
  const gateway = await started(
    `upstreams: { app: { instances: [${instances.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')}], health: { tcp: {} },
    retry: { attempts: ${attempts}, on: [connect, reset, timeout, 503], budget: ${budget}, backoff: 1ms } } }`,
  )
  try {
    let sent = 0
    const loop = async (): Promise<void> => {
      while (sent < LOAD) {
        sent++
        const { body } = await request(gateway.web, { dispatcher: agent })
        await body.dump()
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, loop))
    const hits = instances.reduce((sum, instance) => sum + instance.hits, 0)
    console.log(`| ${name} | ${attempts} | ${budget} | ${sent} | ${hits} | ${(hits / sent).toFixed(3)} × |`)
  } finally {
    await gateway.stop()
    for (const instance of instances) await instance.kill()
  }
}
