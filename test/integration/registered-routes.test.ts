import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { request } from 'undici'
import type { ConfigStatus } from '../../src/controlplane/config-status.ts'
import { meshgate } from '../cli/captured.ts'
import { startAppHere, type AppHere } from '../support/app-here.ts'
import { bareRegistries, type BareRegistry } from '../support/bare-registries.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { put } from '../support/registries.ts'
import { until } from '../support/until.ts'

const config = `
registeredRoutes: { allow: [{ service: shop, host: shop.test }], linger: 100ms }
defaults: { health: { every: 200ms } }
log: { level: warn, access: false }
`

for (const kind of bareRegistries) {
  describe(`routes that services declare on ${kind.name}`, { skip: kind.skip }, () => {
    let registry: BareRegistry
    let gateway: AppHere
    const instances: TestInstance[] = []
    before(async () => {
      registry = await kind.start()
      for (const name of ['one', 'two']) instances.push(await startInstance(name))
      gateway = await startAppHere(registry.address, config)
    })
    after(async () => {
      await gateway?.stop()
      for (const instance of instances) await instance.kill()
      await registry.stop()
    })

    const register = (at: number, route: string, service = 'shop'): Promise<string> => {
      const { name: ID, port: Port } = instances[at] as TestInstance
      const body = { ID, Name: service, Address: '127.0.0.1', Port, Meta: { 'gateway-route': route } }
      return put(registry.address, '/v1/agent/service/register', JSON.stringify(body))
    }
    /** What the shop answers: the name of an instance, or a status. */
    const ask = async (path: string): Promise<string> => {
      const { statusCode, body } = await request(`${gateway.web}${path}`, { headers: { host: 'shop.test' } })
      const text = await body.text()
      return statusCode === 200 ? text : String(statusCode)
    }
    /** Who answers three requests. */
    const answers = async (path: string): Promise<string> =>
      [...new Set([await ask(path), await ask(path), await ask(path)])].toSorted().join()
    const registered = async () => (await gateway.ask<ConfigStatus>('/config')).registered
    const explained = async (path: string) =>
      (await meshgate('explain', `http://shop.test${path}`, '--admin', gateway.adminAddress)).out

    it('appear with the first instance, serve, and go some time after the last one', async () => {
      assert.equal(await ask('/api/1'), '404')
      await register(0, 'shop.test/api/*')
      await until('it serves', async () => (await ask('/api/1')) === 'one')
      assert.deepEqual(await registered(), [{ route: 'shop.test/api/*', service: 'shop', state: 'serving', reason: null }])
      assert.match(await explained('/api/1'), /shop\.test\/api\/\* +yes +- +registry:shop:1:1/)
      await put(registry.address, '/v1/agent/service/deregister/one')
      await until('it is gone', async () => (await ask('/api/1')) === '404')
      assert.deepEqual(await registered(), [])
    })

    it('that are refused are told with the reason, in /config, the metrics and nowhere else', async () => {
      await register(0, 'elsewhere.test/*')
      await until('it is told', async () => (await registered()).length === 1)
      const [refused] = await registered()
      assert.deepEqual(refused, {
        route: 'elsewhere.test/*',
        service: 'shop',
        state: 'refused',
        reason: 'no rule of registeredRoutes.allow lets "shop" have it',
      })
      const page = await (await fetch(`http://${gateway.adminAddress}/metrics`)).text()
      assert.match(page, /^meshgate_registered_routes\{state="serving"\} 0\nmeshgate_registered_routes\{state="refused"\} 1$/m)
    })

    it('of instances that differ go to those that declare them', async () => {
      await register(0, 'shop.test/a')
      await register(1, 'shop.test/a, shop.test/b')
      await until('both serve what both declare', async () => (await answers('/a')) === 'one,two')
      await until('one serves what it alone declares', async () => (await answers('/b')) === 'two')
      for (let turn = 0; turn < 10; turn++) assert.equal(await ask('/b'), 'two')
    })
  })
}
