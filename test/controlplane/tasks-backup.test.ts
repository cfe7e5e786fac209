import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { builtIn } from '../../src/config/built-in.ts'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { backupTask } from '../../src/controlplane/tasks/backup.ts'
import type { TaskContext } from '../../src/controlplane/tasks/task-kind.ts'
import { silentLogger } from '../../src/logging.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { meshgate } from '../cli/captured.ts'
import { registryServers, type RegistryServerUnderTest } from '../registry/registry-servers.ts'
import { memoryRegistry } from './memory-registry.ts'
import { taskContext } from './tasks-harness.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshgate-backup-'))
  await writeFile(join(folder, 'gateway.yaml'), 'listeners: { web: { bind: ":8080" } }\n')
})
after(() => rm(folder, { recursive: true, force: true }))

function context(registry: Registry, changes: Partial<TaskContext> = {}): TaskContext {
  const machine = { ...builtIn.machine, backups: join(folder, 'backups') }
  return taskContext(registry, { machine, configFile: join(folder, 'gateway.yaml'), ...changes })
}

for (const { name: registryName, skip, start } of registryServers) {
  describe(`a backup of ${registryName}`, { skip }, () => {
    let server: RegistryServerUnderTest
    let registry: Registry
    before(async () => {
      server = await start()
      const shared = { clock: systemClock, random: systemRandom, logger: silentLogger }
      registry = openConsulRegistry({ address: server.address, token: null, datacenter: null, ...shared })
    })
    after(async () => {
      await registry?.close()
      await server?.stop()
    })

    it('brings back all that the registry knew, and the config by itself', { timeout: 60_000 }, async () => {
      await registry.kv.put('gateway/routes/shop', '{ to: shop }')
      await registry.kv.put('gateway/leader', 'nobody')
      await registry.kv.put('other/key', Buffer.from([0, 255, 10]))
      const machine = { ...builtIn.machine, backups: join(folder, registryName.replaceAll(' ', '-')) }
      const said = await backupTask.run({ keep: 2 }, context(registry, { machine }))
      const at = join(machine.backups, 'nightly', '20260101T000000Z')
      assert.match(said, /^wrote .*nightly\/20260101T000000Z \(\d+ bytes\)$/)
      for (const path of [at, ...['registry.snap', 'gateway.yaml', 'config.json'].map((name) => join(at, name))])
        assert.equal((await stat(path)).mode & 0o077, 0, path)
      assert.equal(await readFile(join(at, 'gateway.yaml'), 'utf8'), 'listeners: { web: { bind: ":8080" } }\n')
      for (const key of ['gateway/routes/shop', 'gateway/leader', 'other/key']) await registry.kv.delete(key)

      const http = server.address.replace('http://', '')
      assert.deepEqual((await meshgate('registry', 'import', join(at, 'config.json'), '--http', http)).err, '')
      assert.equal((await registry.kv.get('gateway/routes/shop'))?.value.toString(), '{ to: shop }')
      assert.deepEqual([await registry.kv.get('gateway/leader'), await registry.kv.get('other/key')], [null, null])

      assert.deepEqual((await meshgate('registry', 'restore', join(at, 'registry.snap'), '--http', http)).err, '')
      assert.deepEqual([...((await registry.kv.get('other/key'))?.value ?? [])], [0, 255, 10])
    })
  })
}

/** A registry whose snapshot is these bytes. */
function of(bytes: Buffer): Registry {
  return memoryRegistry({ snapshot: async () => Readable.from([bytes]) })
}

describe('a backup', () => {
  it('of which the latest are kept, and nothing else in the folder is touched', async () => {
    const backups = join(folder, 'rotated')
    const tasks = join(backups, 'nightly')
    await mkdir(join(tasks, '20251231T000000Z.partial-a1B2c3'), { recursive: true })
    await mkdir(join(tasks, 'mine'))
    const said: string[] = []
    for (let day = 1; day <= 4; day++) {
      const fireTime = new Date(Date.UTC(2026, 0, day))
      said.push(
        await backupTask.run({ keep: 2 }, context(of(gzipSync('all')), { machine: { ...builtIn.machine, backups }, fireTime })),
      )
    }
    assert.deepEqual((await readdir(tasks)).toSorted(), ['20260103T000000Z', '20260104T000000Z', 'mine'])
    assert.match(said[3] ?? '', /, removed 20260102T000000Z$/)
    const plan = await backupTask.plan({ keep: 2 }, context(of(Buffer.alloc(0)), { machine: { ...builtIn.machine, backups } }))
    assert.match(plan, /, and removes 20260103T000000Z$/)
  })

  it('that is not whole leaves nothing and removes nothing', async () => {
    const backups = join(folder, 'cut')
    const whole = gzipSync('all that the registry knows')
    const machine = { ...builtIn.machine, backups }
    await backupTask.run({ keep: 1 }, context(of(whole), { machine }))
    const next = { machine, fireTime: new Date('2026-01-02T00:00:00Z') }
    await assert.rejects(backupTask.run({ keep: 1 }, context(of(whole.subarray(0, -4)), next)), {
      code: 'registry_protocol',
      message: /the snapshot of the registry is not whole/,
    })
    assert.deepEqual(await readdir(join(backups, 'nightly')), ['20260101T000000Z'])
  })

  it('is not mixed up with that of an attempt that was cut and has not ended', async () => {
    const machine = { ...builtIn.machine, backups: join(folder, 'mixed') }
    const [late, isLate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const end = new AbortController()
    const slow = of(gzipSync('first'))
    const { list } = slow.kv
    const stuck: Registry = {
      ...slow,
      kv: {
        ...slow.kv,
        list: async (prefix) => {
          isLate.resolve()
          await late.promise
          return list(prefix)
        },
      },
    }
    const first = backupTask.run({ keep: 2 }, context(stuck, { machine, signal: end.signal }))
    await isLate.promise
    end.abort(new Error('too late'))
    const second = memoryRegistry({
      snapshot: async () => {
        late.resolve()
        await assert.rejects(first)
        return Readable.from([gzipSync('second')])
      },
    })
    await backupTask.run({ keep: 2 }, context(second, { machine }))
    const at = join(machine.backups, 'nightly')
    assert.deepEqual(await readdir(at), ['20260101T000000Z'])
    assert.deepEqual((await readdir(join(at, '20260101T000000Z'))).toSorted(), ['config.json', 'gateway.yaml', 'registry.snap'])
  })

  it('that cannot be written says where', async () => {
    const backups = join(folder, 'gateway.yaml', 'below-a-file')
    await assert.rejects(
      backupTask.run({ keep: 1 }, context(of(Buffer.alloc(0)), { machine: { ...builtIn.machine, backups } })),
      {
        code: 'task_failed',
        message: /no backup in .*below-a-file\/nightly: .*ENOTDIR/,
      },
    )
  })

  it('ends with the lead', async () => {
    const end = new AbortController()
    const stuck = memoryRegistry({
      snapshot: async () => new Readable({ read: () => end.abort(new Error('the lock is gone')) }),
    })
    const backups = join(folder, 'aborted')
    await assert.rejects(
      backupTask.run({ keep: 1 }, context(stuck, { machine: { ...builtIn.machine, backups }, signal: end.signal })),
    )
    assert.deepEqual(await readdir(join(backups, 'nightly')), [])
  })
})
