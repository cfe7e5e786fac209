import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Mesh } from '../../src/client/connect.ts'
import { registryServers, type RegistryServerUnderTest } from '../registry/registry-servers.ts'
import { openTestMesh } from './open-mesh.ts'

for (const { name, skip, start } of registryServers) {
  describe(`KV, with ${name}`, { skip }, () => {
    let server: RegistryServerUnderTest
    let mesh: Mesh

    before(async () => {
      server = await start()
      mesh = await openTestMesh(server.address)
    })

    after(async () => {
      await mesh.close()
      await server.stop()
    })

    it('is read, written, listed and deleted, by index where it matters', async () => {
      assert.equal(await mesh.kv.get('app/color'), null)
      assert.equal(await mesh.kv.cas('app/color', 'red', 0n), true)
      assert.equal(await mesh.kv.cas('app/color', 'blue', 0n), false)
      const entry = await mesh.kv.get('app/color')
      assert.equal(String(entry?.value), 'red')
      assert.ok(entry)
      assert.equal(await mesh.kv.cas('app/color', 'green', entry.modifyIndex), true)
      assert.equal(await mesh.kv.delete('app/color', entry.modifyIndex), false)
      await mesh.kv.put('app/size', Buffer.from([0, 255]))
      assert.deepEqual(await mesh.kv.keys('app/'), ['app/color', 'app/size'])
      assert.deepEqual([...((await mesh.kv.list('app/size'))[0]?.value ?? [])], [0, 255])
      assert.equal(await mesh.kv.delete('app/color'), true)
      assert.equal(await mesh.kv.get('app/color'), null)
    })

    it('is watched: the value now, each change, its end, and nothing of a neighbour', async () => {
      const watch = mesh.kv.watch('watched/a')
      const next = async (): Promise<string | null> => {
        const { value } = await watch.next()
        return value ? String(value.value) : null
      }
      assert.equal(await next(), null)
      await mesh.kv.put('watched/ab', 'a neighbour')
      await mesh.kv.put('watched/a', '1')
      assert.equal(await next(), '1')
      await mesh.kv.put('watched/a', '2')
      assert.equal(await next(), '2')
      await mesh.kv.delete('watched/a')
      assert.equal(await next(), null)
      await watch.return?.()
      assert.deepEqual(await watch.next(), { done: true, value: undefined })
    })

    it('is watched by a slow reader without anything piling up', async () => {
      const enough = new AbortController()
      const watch = mesh.kv.watchPrefix('slow/', { signal: enough.signal })
      assert.deepEqual((await watch.next()).value, [])
      for (let at = 0; at < 20; at++) await mesh.kv.put('slow/x', String(at))
      let last = ''
      for await (const [entry] of watch) {
        last = String(entry?.value)
        if (last === '19') enough.abort()
      }
      assert.equal(last, '19')
    })
  })
}
