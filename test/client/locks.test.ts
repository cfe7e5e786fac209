import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Mesh, Term } from '../../src/client/connect.ts'
import { registryServers, type RegistryServerUnderTest } from '../registry/registry-servers.ts'
import { put } from '../support/registries.ts'
import { until } from '../support/until.ts'
import { openTestMesh } from './open-mesh.ts'

for (const { name, skip, start } of registryServers) {
  describe(`locks and leaders, with ${name}`, { skip }, () => {
    let server: RegistryServerUnderTest
    let one: Mesh
    let other: Mesh

    /** The session that holds a key. */
    const holderOf = async (key: string): Promise<string | null> => (await one.kv.get(key))?.session ?? null

    before(async () => {
      server = await start()
      one = await openTestMesh(server.address, { name: 'one' })
      other = await openTestMesh(server.address, { name: 'other' })
    })

    after(async () => {
      await Promise.all([one.close(), other.close()])
      await server.stop()
    })

    it('a lock is held by one at a time, and its token grows from holder to holder', async () => {
      const first = await one.lock('turns')
      assert.ok(first.isHeld)
      await assert.rejects(other.lock('turns', { wait: '50ms' }), { code: 'lock_busy', message: /one holds it/ })
      const waiting = other.lock('turns')
      await first.release()
      assert.ok(first.lost.aborted)
      await using second = await waiting
      assert.ok(second.token > first.token)
      assert.equal(first.isHeld, false)
    })

    it('a lock that the registry ends tells its holder, who has to ask for it again', async () => {
      const lock = await one.lock('ended')
      await put(server.address, `/v1/session/destroy/${await holderOf('locks/ended')}`)
      await until('the holder knows', () => lock.lost.aborted)
      assert.equal((lock.lost.reason as { code: string }).code, 'session_lost')
      await until('nobody has it', async () => (await holderOf('locks/ended')) === null)
      assert.equal(lock.isHeld, false)
    })

    it('waiting for a lock ends with its signal and with the mesh', async () => {
      await using held = await one.lock('queue')
      assert.ok(held.isHeld)
      const enough = new AbortController()
      const waiting = other.lock('queue', { signal: enough.signal })
      enough.abort(new Error('enough'))
      await assert.rejects(waiting, /enough/)
      const third = await openTestMesh(server.address)
      const forEver = third.lock('queue')
      await Promise.all([assert.rejects(forEver, { code: 'mesh_closed' }), third.close()])
    })

    it('a lock is not waited for with options that nobody knows', async () => {
      const mistyped = { waits: '1s' } as object
      await assert.rejects(one.lock('mistyped', mistyped), /locks: waits: unknown key, did you mean "wait"\?/)
    })

    it('a leader gives each term that it wins, and another takes over when it leaves', async () => {
      const leading = one.leader('reports')
      await until('one leads', () => leading.current)
      const [following, terms] = [other.leader('reports'), new Array<Term>()]
      const done = (async () => {
        for await (const term of following) terms.push(term)
      })()
      await until('the other knows who leads', () => following.leader?.name === 'one')
      assert.equal(following.current, null)
      const before = leading.current
      await leading.close()
      await until('the other leads', () => terms.length === 1)
      assert.ok(before && (terms[0]?.term ?? 0n) > before.term)
      assert.ok(before.lost.aborted)
      await following.close()
      await done
      assert.ok(terms[0]?.lost.aborted)
    })

    it('a process holds so many connections for locks and watches and no more', async () => {
      await using own = await openTestMesh(server.address)
      const watches = Array.from({ length: 40 }, (_, at) => own.kv.watch(`many/${at}`))
      assert.throws(() => own.kv.watch('many/one-more'), { code: 'too_many_watches' })
      await assert.rejects(own.lock('one-more'), { code: 'too_many_watches' })
      await watches[0]?.return?.()
      await using lock = await own.lock('one-more')
      assert.ok(lock.isHeld)
    })
  })
}
