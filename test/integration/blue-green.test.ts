import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startInstance } from '../support/instance.ts'
import { startLoad } from '../support/load.ts'
import { put, registries } from '../support/registries.ts'
import { until } from '../support/until.ts'

for (const { name, skip, start } of registries) {
  it(`one key turns all traffic over and back without a failed request, with ${name}`, { skip }, async () => {
    const registry = await start()
    const [blue, green] = [await startInstance('blue'), await startInstance('green')]
    const config = [
      'defaults: { health: { every: 200ms } }',
      `upstreams: { blue: { instances: ["127.0.0.1:${blue.port}"] }, green: { instances: ["127.0.0.1:${green.port}"] } }`,
      'routes: [{ name: shop, to: [{ upstream: blue }, { upstream: green, weight: 0 }] }]',
    ].join('\n')
    const gateway = await startGatewayProcess({ registry: registry.first, config })
    try {
      const load = startLoad(gateway.web, 4)
      const served = async (): Promise<string> => (await fetch(gateway.web)).text()
      const allTo = async (color: string): Promise<boolean> => {
        const answers = await Promise.all(Array.from({ length: 20 }, served))
        return answers.every((answer) => answer === color)
      }
      const turnTo = async (key: string, color: string): Promise<number> => {
        const since = performance.now()
        await put(registry.address, '/v1/kv/gateway/splits/shop', key)
        await until(`all goes to ${color}`, () => allTo(color))
        return performance.now() - since
      }
      assert.ok(await allTo('blue'))
      const tookMs = [await turnTo('green', 'green'), await turnTo('{ blue: 1 }', 'blue'), await turnTo('green', 'green')]
      await put(registry.address, '/v1/kv/gateway/splits/shop', 'red')
      await until('the wrong name is told', async () =>
        /is no destination/.test(await (await fetch(`${gateway.admin}/config`)).text()),
      )
      assert.ok(await allTo('green'))
      const { sent, failed, failures } = await load.stop()
      assert.equal(failed, 0, failures.join('\n'))
      console.log(`${name}: turned over in ${tookMs.map((ms) => `${ms.toFixed(0)} ms`).join(', ')}; ${sent} requests, 0 failed`)
    } finally {
      await gateway.stop()
      await registry.stop()
      await Promise.all([blue.kill(), green.kill()])
    }
  })
}
