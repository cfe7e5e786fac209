import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { startEmbedded } from '../controlplane/embedded.ts'
import { startInstance } from '../support/instance.ts'
import { registerInstance } from '../support/registries.ts'
import { until } from '../support/until.ts'
import { answersOf, codeOf, hasEligible, killAll, openTestMesh } from './open-mesh.ts'

it('the last good instances stay while the registry is away, our own probes go on, and what it then says is followed, from index 0 too', async () => {
  const before = await startEmbedded()
  const [first, second, third] = await Promise.all(['first', 'second', 'third'].map((name) => startInstance(name)))
  assert.ok(first && second && third)
  for (const { port } of [first, second]) await registerInstance(before.address, 'orders', port)
  for (let write = 0; write < 20; write++) await before.registry.kv.put('app/color', `old ${write}`)
  const mesh = await openTestMesh(before.address)
  try {
    const colors = mesh.kv.watch('app/color')
    assert.equal(String((await colors.next()).value?.value), 'old 19')
    const registered = await mesh.register({ name: 'me', port: 1 })
    await until('both are probed', () => hasEligible(mesh, 'orders', 2))
    await before.close()

    await first.kill()
    await until('only the living is called', () => hasEligible(mesh, 'orders', 1))
    assert.deepEqual(await answersOf(mesh, 'http://orders/', 3), ['second', 'second', 'second'])
    await assert.rejects(mesh.kv.get('app/color'), { code: 'registry_unavailable' })
    const listening = colors.next()

    const after = await startEmbedded(before.server.address.port)
    try {
      await after.registry.kv.put('app/color', 'new')
      assert.equal(String((await listening).value?.value), 'new')
      await registerInstance(after.address, 'orders', third.port)
      await until('the new one is called', async () => (await answersOf(mesh, 'http://orders/', 2)).includes('third'))
      await until('what was registered is back', async () => {
        await registered.tellHealth()
        return registered.isRegistered
      })
    } finally {
      await mesh.close()
      await after.close()
    }
  } finally {
    await mesh.close()
    await killAll([first, second, third])
  }
})

it('a process that starts while the registry is away knows from disk whom to call', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'meshgate-client-'))
  const registry = await startEmbedded()
  const instance = await startInstance('known')
  try {
    await registerInstance(registry.address, 'orders', instance.port)
    const former = await openTestMesh(registry.address, { stateDir })
    await until('it is probed', () => hasEligible(former, 'orders', 1))
    await former.close()
    await registry.close()
    await using without = await openTestMesh(registry.address, { wait: '50ms' })
    assert.equal(await codeOf(without.fetch('http://orders/')), 'upstream_unknown')
    await using mesh = await openTestMesh(registry.address, { stateDir })
    assert.deepEqual(await answersOf(mesh, 'http://orders/', 1), ['known'])
    assert.deepEqual([mesh.registry.fromDisk, mesh.registry.stale], [true, true])
  } finally {
    await instance.kill()
    await rm(stateDir, { recursive: true, force: true })
  }
})
