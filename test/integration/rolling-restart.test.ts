import assert from 'node:assert/strict'
import { it } from 'node:test'
import { meshgate } from '../cli/captured.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type Answer } from '../support/instance.ts'
import { startLoad, type Load } from '../support/load.ts'
import { registerInstance, registries } from '../support/registries.ts'
import { until } from '../support/until.ts'

const INSTANCES = 10
/** In all, at the least: the long form goes on until then. */
const LEAST_REQUESTS = process.env.MESHGATE_SOAK === '1' ? 1_000_000 : 0

/** Takes a moment, so that a kill without a drain would hit somebody. */
const slowly: Answer = (request, response) => {
  request.resume()
  setTimeout(() => response.end('ok'), 2)
}

for (const { name, skip, start } of registries) {
  it(`a rolling restart with drain loses no request though nothing is tried twice, with ${name}`, { skip }, async () => {
    const registry = await start()
    const config = ['defaults: { health: { every: 200ms }, retry: { attempts: 1 } }', 'routes: [{ name: shop, to: shop }]'].join(
      '\n',
    )
    const one = await startGatewayProcess({ registry: registry.first, config })
    const other = await startGatewayProcess({ registry: registry.further, config })
    const instances = await Promise.all(Array.from({ length: INSTANCES }, () => startInstance('shop', slowly)))
    const loads: Load[] = []
    try {
      for (const [at, { port }] of instances.entries()) await registerInstance(registry.address, 'shop', port, `shop-${at}`)
      const eligible = async ({ ask }: typeof one): Promise<boolean> => {
        const [shop] = await ask<{ eligible: number }[]>('/upstreams')
        return shop?.eligible === INSTANCES
      }
      await until('all serve', async () => (await eligible(one)) && (await eligible(other)))
      loads.push(startLoad(one.web, 8), startLoad(other.web, 8))
      const hits = (): number => instances.reduce((sum, instance) => sum + instance.hits, 0)
      let rounds = 0
      do {
        for (const [at, instance] of instances.entries()) {
          const id = `shop/shop-${at}`
          const drained = await meshgate('drain', id, '--wait', '--deadline', '20s', '--admin', one.adminAddress)
          assert.equal(drained.code, 0, drained.out + drained.err)
          const before = instance.hits
          await instance.kill()
          await instance.restart()
          assert.equal(instance.hits, before, 'a drained instance is left alone')
          const back = await meshgate('undrain', id, '--wait', '--admin', at % 2 === 0 ? one.adminAddress : other.adminAddress)
          assert.equal(back.code, 0, back.out + back.err)
        }
        rounds++
      } while (hits() < LEAST_REQUESTS)
      const results = await Promise.all(loads.map((load) => load.stop()))
      assert.deepEqual(
        results.flatMap(({ failures }) => failures),
        [],
      )
      const sent = results.reduce((sum, result) => sum + result.sent, 0)
      console.log(`${name}: ${rounds * INSTANCES} restarts, ${sent} requests, 0 failed`)
    } finally {
      await Promise.all(loads.map((load) => load.stop()))
      await other.stop()
      await one.stop()
      await registry.stop()
      await Promise.all(instances.map((instance) => instance.kill()))
    }
  })
}
