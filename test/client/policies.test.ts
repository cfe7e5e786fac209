import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { request } from 'undici'
import type { Mesh } from '../../src/client/connect.ts'
import { registryServers, type RegistryServerUnderTest } from '../registry/registry-servers.ts'
import type { Answer, TestInstance } from '../support/instance.ts'
import { put } from '../support/registries.ts'
import { until } from '../support/until.ts'
import { answersOf, codeOf, hasEligible, hasExcluded, killAll, openTestMesh, startService } from './open-mesh.ts'

for (const { name, skip, start } of registryServers) {
  describe(`settings of calls, with ${name}`, { skip }, () => {
    let server: RegistryServerUnderTest
    let mesh: Mesh
    const instances: TestInstance[] = []

    const serve = (service: string, ...answers: readonly (Answer | undefined)[]): Promise<readonly TestInstance[]> =>
      startService({ mesh, registry: server.address, instances }, service, answers)

    before(async () => {
      server = await start()
      mesh = await openTestMesh(server.address)
    })

    after(async () => {
      await mesh.close()
      await killAll(instances)
      await server.stop()
    })

    it('take the settings of a service in the words of the config: another service, fixed addresses, retries by status', async () => {
      let asked = 0
      const [ill] = await serve('ill', (_, response) => {
        asked++
        response.writeHead(503).end()
      })
      assert.ok(ill)
      const services = {
        alias: { service: 'ill', retry: { attempts: 3, on: [503], backoff: '1ms' } },
        fixed: { instances: [`127.0.0.1:${ill.port}`] },
      }
      await using own = await openTestMesh(server.address, { services })
      for (const key of ['alias', 'fixed']) await until(`${key} is probed`, () => hasEligible(own, key, 1))
      asked = 0
      assert.equal((await own.fetch('http://alias/')).status, 503)
      assert.equal(asked, 3)
      assert.equal((await own.fetch('http://fixed/')).status, 503)
      assert.equal(asked, 4)
    })

    it('give a call its whole time, however busy the application was since another call in the same turn', async () => {
      await serve('hurried', undefined)
      await using own = await openTestMesh(server.address, { services: { hurried: { timeouts: { total: '200ms' } } } })
      await until('hurried is probed', () => hasEligible(own, 'hurried', 1))
      const before = request('http://hurried/', { dispatcher: own.dispatcher }).catch(() => null)
      const busyUntil = performance.now() + 300
      while (performance.now() < busyUntil);
      const { statusCode, body } = await request('http://hurried/', { dispatcher: own.dispatcher })
      await body.dump()
      assert.equal(statusCode, 200)
      await (await before)?.body.dump()
    })

    it('follow so many services at a time and no more', async () => {
      await serve('limited', undefined)
      await serve('one-more', undefined)
      await using own = await openTestMesh(server.address, { maxServices: 1 })
      assert.equal(await codeOf(own.fetch('http://limited/')), '200')
      assert.equal(await codeOf(own.fetch('http://one-more/')), 'mesh_full')
    })

    it('leave alone an instance that is drained in KV or fails too many requests', async () => {
      const [drained, failing, good] = await serve(
        'picky',
        undefined,
        (_, response) => response.writeHead(500).end('bad'),
        undefined,
      )
      assert.ok(drained && failing && good)
      const own = await openTestMesh(server.address, {
        services: { picky: { outlier: { consecutive: 2, on: ['5xx'], eject: '1h', maxEjected: '100%' } } },
      })
      try {
        await put(server.address, `/v1/kv/gateway/drains/picky/picky-${drained.port}`)
        await until('it is drained', () => hasExcluded(own, 'picky', 'draining'))
        await until('the other is ejected', async () => {
          await own.fetch('http://picky/')
          return hasExcluded(own, 'picky', 'ejected')
        })
        assert.deepEqual(new Set(await answersOf(own, 'http://picky/', 6)), new Set([good.name]))
      } finally {
        await own.close()
      }
    })
  })
}
