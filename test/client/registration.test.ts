import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Mesh } from '../../src/client/connect.ts'
import { listed } from '../controlplane/embedded.ts'
import { registryServers, type RegistryServerUnderTest } from '../registry/registry-servers.ts'
import { startInstance } from '../support/instance.ts'
import { put } from '../support/registries.ts'
import { until } from '../support/until.ts'
import { hasEligible, openTestMesh } from './open-mesh.ts'

for (const { name, skip, start } of registryServers) {
  describe(`registrations, with ${name}`, { skip }, () => {
    let server: RegistryServerUnderTest
    let mesh: Mesh

    const statusOf = async (service: string): Promise<string> =>
      (await listed(server.address, service)).map(({ status }) => status).join()

    before(async () => {
      server = await start()
      mesh = await openTestMesh(server.address)
    })

    after(async () => {
      await mesh.close()
      await server.stop()
    })

    it('an instance is listed with what it says of itself, called, and gone with its end', async () => {
      const instance = await startInstance('me')
      try {
        const registered = await mesh.register({
          name: 'mine',
          port: instance.port,
          address: '127.0.0.1',
          tags: ['v1'],
          meta: { zone: 'a' },
        })
        assert.ok(registered.isRegistered)
        assert.equal(await statusOf('mine'), 'passing')
        await until('it is called', () => hasEligible(mesh, 'mine', 1))
        assert.equal(await (await mesh.fetch('http://mine/')).text(), 'me')
        await registered.close()
        assert.equal(await statusOf('mine'), '')
      } finally {
        await instance.kill()
      }
    })

    it('tells when it is not well', async () => {
      let problem: string | null = null
      await using registered = await mesh.register({ name: 'moody', port: 1, health: () => problem })
      problem = 'the queue is full'
      await registered.tellHealth()
      assert.equal(await statusOf('moody'), 'critical')
      problem = null
      await registered.tellHealth()
      assert.equal(await statusOf('moody'), 'passing')
      await using failing = await mesh.register({ name: 'failing', port: 1, health: () => assert.fail('no queue') })
      assert.deepEqual([failing.isRegistered, await statusOf('failing')], [true, 'critical'])
    })

    it('comes back when the agent has forgotten it', async () => {
      await using registered = await mesh.register({ name: 'forgotten', port: 1 })
      await put(server.address, `/v1/agent/service/deregister/${registered.id}`)
      assert.equal(await statusOf('forgotten'), '')
      await until('it is registered again', async () => {
        await registered.tellHealth()
        return (await statusOf('forgotten')) === 'passing'
      })
    })

    it('may have a check of the agent, and everything goes with the mesh', async () => {
      const own = await openTestMesh(server.address)
      await own.register({ name: 'checked', port: 1, check: { tcp: {}, every: '1s' } })
      assert.equal((await listed(server.address, 'checked')).length, 1)
      await own.close()
      assert.equal((await listed(server.address, 'checked')).length, 0)
    })

    it('is refused with the place and the fix if it makes no sense', async () => {
      const bad = { name: 'a b', port: 70_000, chek: {} } as object as { name: string; port: number }
      await assert.rejects(mesh.register(bad), (error: Error & { code: string }) => {
        assert.equal(error.code, 'config_invalid')
        assert.match(error.message, /register: chek: unknown key, did you mean "check"\?/)
        assert.match(error.message, /register: port: a port is a number from 1 to 65535/)
        return true
      })
      const both = { name: 'both', port: 1, check: { tcp: {} }, health: () => null }
      await assert.rejects(mesh.register(both), /register: health: nobody asks it of an instance with a check/)
    })
  })
}
