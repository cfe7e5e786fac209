import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { silentLogger } from '../../src/logging.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import type { Instance, KvEntry, Registration, Registry } from '../../src/registry/registry.ts'
import { skipWithoutConsul, startConsulCluster } from '../support/consul.ts'
import { until } from '../support/until.ts'
import { registryServers, type RegistryServerUnderTest } from './registry-servers.ts'

function open(address: string): Registry {
  return openConsulRegistry({
    address,
    token: null,
    datacenter: null,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
}

const shop: Registration = {
  id: 'shop-1',
  name: 'shop',
  address: { host: '127.0.0.1', port: 9001 },
  tags: ['v1'],
  meta: { version: '1' },
  check: { kind: 'ttl', ttlMs: 60_000, deregisterAfterMs: 60_000 },
}

for (const { name, skip, start } of registryServers) {
  describe(`the registry client on ${name}`, { skip }, () => {
    let server: RegistryServerUnderTest
    let registry: Registry

    before(async () => {
      server = await start()
      registry = open(server.address)
    })

    after(async () => {
      await registry?.close()
      await server?.stop()
    })

    const put = (path: string, body?: unknown) =>
      fetch(`${server.address}${path}`, { method: 'PUT', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })

    /** The latest value of a watch on a service, while `work` runs. */
    const watching = async (
      service: string,
      work: (latest: () => readonly Instance[] | undefined) => Promise<void>,
    ): Promise<void> => {
      let latest: readonly Instance[] | undefined
      const watch = registry.watchInstances(service, { onValue: (value) => void (latest = value), onError: () => {} })
      try {
        await work(() => latest)
      } finally {
        watch.close()
      }
    }

    it('writes, compares and deletes KV entries', async () => {
      assert.equal(await registry.kv.get('t/a'), null)
      assert.equal(await registry.kv.put('t/a', 'one', { cas: 0n }), true)
      assert.equal(await registry.kv.put('t/a', 'two', { cas: 0n }), false)
      const first = await registry.kv.get('t/a')
      assert.equal(first?.value.toString(), 'one')
      assert.equal(await registry.kv.put('t/a', Buffer.from([0, 255]), { cas: first?.modifyIndex ?? 0n }), true)
      assert.deepEqual(
        (await registry.kv.list('t/')).map(({ key, value }) => [key, [...value]]),
        [['t/a', [0, 255]]],
      )
      assert.equal(await registry.kv.delete('t/a', { cas: 1n }), false)
      assert.equal(await registry.kv.delete('t/a'), true)
      assert.deepEqual(await registry.kv.list('t/'), [])
    })

    it('reads the flags of a Go lock exactly', async () => {
      await fetch(`${server.address}/v1/kv/t/flags?flags=3304740253564472344`, { method: 'PUT', body: 'x' })
      assert.equal((await registry.kv.get('t/flags'))?.flags, 3304740253564472344n)
    })

    it('follows a prefix from empty to filled and back to empty', async () => {
      const values: string[][] = []
      const watch = registry.watchPrefix('w/routes/', {
        onValue: (entries: readonly KvEntry[]) => void values.push(entries.map(({ key }) => key)),
        onError: () => {},
      })
      await until('the empty prefix was told', () => values.length === 1)
      await registry.kv.put('w/routes/a', '{}')
      await until('the new key was told', () => values.at(-1)?.length === 1)
      await registry.kv.put('w/other', 'wakes nobody')
      await registry.kv.delete('w/routes/a')
      await until('the deletion was told', () => values.length === 3)
      watch.close()
      assert.deepEqual(values, [[], ['w/routes/a'], []])
    })

    it('registers an instance, tells its health and takes it out', async () => {
      await watching('shop', async (latest) => {
        await until('no instance is a fact', () => latest()?.length === 0)
        await registry.register(shop)
        await until('the instance is listed as critical', () => latest()?.[0]?.status === 'critical')
        await registry.reportHealth('shop-1', 'passing', 'serving')
        await until('it is passing', () => latest()?.[0]?.status === 'passing')
        assert.deepEqual(latest()?.[0], {
          id: 'shop-1',
          service: 'shop',
          node: 'n1',
          nodeMeta: await registry.ownNodeMeta(),
          address: { host: '127.0.0.1', port: 9001 },
          tags: ['v1'],
          meta: { version: '1' },
          weight: 1,
          status: 'passing',
        })
        assert.deepEqual(await registry.ownNodeMeta(), { 'consul-network-segment': '' })
        await registry.deregister('shop-1')
        await until('it is gone', () => latest()?.length === 0)
      })
    })

    it('lists an instance with a port that does not exist beside the others', async () => {
      for (const Port of [-1, 70_000, 9001]) await put('/v1/agent/service/register', { ID: `odd${Port}`, Name: 'odd', Port })
      await watching('odd', async (latest) => {
        const listed = await until('they are listed', () => latest())
        assert.deepEqual(
          listed.map(({ address }) => address.port).toSorted((a, b) => a - b),
          [-1, 9001, 70_000],
        )
      })
    })

    it("uses the node's address for an instance without one, and the weight of its status", async () => {
      const weights = { Passing: 7, Warning: 3 }
      await put('/v1/agent/service/register', {
        Name: 'bare',
        Port: 1,
        Weights: weights,
        Check: { TTL: '1h', Status: 'warning' },
      })
      await watching('bare', async (latest) => {
        const listed = await until('it is listed', () => latest()?.[0])
        assert.deepEqual([listed.address.host, listed.status, listed.weight], ['127.0.0.1', 'warning', 3])
      })
    })

    it('tells maintenance from critical, whether of the service or of its node', async () => {
      await put('/v1/agent/service/register', { Name: 'kept', Port: 1, Check: { TTL: '1h', Status: 'critical' } })
      await watching('kept', async (latest) => {
        await until('it is critical', () => latest()?.[0]?.status === 'critical')
        await put('/v1/agent/service/maintenance/kept?enable=true')
        await until('the service is in maintenance', () => latest()?.[0]?.status === 'maintenance')
        assert.ok(!(await registry.criticalInstances()).some(({ id }) => id === 'kept'))
        await put('/v1/agent/service/maintenance/kept?enable=false')
        await until('it is critical again', () => latest()?.[0]?.status === 'critical')
        await put('/v1/agent/maintenance?enable=true')
        await until('the node is in maintenance', () => latest()?.[0]?.status === 'maintenance')
        await put('/v1/agent/maintenance?enable=false')
      })
    })

    it('lists the names of all services as they come and go', async () => {
      let names: readonly string[] = []
      const watch = registry.watchServices({ onValue: (value) => void (names = value), onError: () => {} })
      await registry.register({ id: 'x', name: 'extra', address: { host: '', port: 2 } })
      await until('the new name is there', () => names.includes('extra'))
      await registry.deregister('x')
      await until('it is gone', () => !names.includes('extra'))
      watch.close()
    })

    it('refuses to report the health of what is not registered', async () => {
      await assert.rejects(registry.reportHealth('nobody', 'passing', ''), { code: 'registry_refused' })
    })

    const criticalIds = async (): Promise<readonly string[]> => (await registry.criticalInstances()).map(({ id }) => id)

    it('finds an instance with a failing check, and removes it', async () => {
      await put('/v1/agent/service/register', { ID: 'sick-1', Name: 'sick', Port: 1, Check: { TTL: '1h', Status: 'critical' } })
      await put('/v1/agent/service/register', { ID: 'well-1', Name: 'well', Port: 1, Check: { TTL: '1h', Status: 'warning' } })
      const found = await criticalIds()
      assert.ok(found.includes('sick-1') && !found.includes('well-1'), String(found))
      await registry.removeInstance({ id: 'sick-1', node: 'n1' })
      assert.ok(!(await criticalIds()).includes('sick-1'))
    })

    it('finds and removes the instances of another node that fails', async () => {
      await put('/v1/catalog/register', {
        Node: 'elsewhere',
        Address: '10.0.0.9',
        Service: { ID: 'far-1', Service: 'far', Port: 1 },
        Check: { CheckID: 'alive', Name: 'alive', Status: 'critical' },
      })
      assert.ok((await criticalIds()).includes('far-1'))
      await registry.removeInstance({ id: 'far-1', node: 'elsewhere' })
      assert.ok(!(await criticalIds()).includes('far-1'))
    })

    it('takes a lock with a session, and leaves it free at once after a release', async () => {
      const options = { name: 'lock', ttlMs: 10_000, lockDelayMs: 2_000, behavior: 'release' } as const
      const [one, other] = [await registry.openSession(options), await registry.openSession(options)]
      assert.equal(await registry.kv.put('t/lock', 'one', { acquire: one.id }), true)
      assert.equal(await registry.kv.put('t/lock', 'other', { acquire: other.id }), false)
      const held = await registry.kv.get('t/lock')
      assert.deepEqual([held?.session, held?.lockIndex], [one.id, 1n])
      assert.equal(await registry.kv.put('t/lock', 'one', { release: one.id }), true)
      assert.equal(await registry.kv.put('t/lock', 'other', { acquire: other.id }), true)
      assert.equal((await registry.kv.get('t/lock'))?.lockIndex, 2n)
      await one.close()
      await other.close()
      assert.equal(await (await fetch(`${server.address}/v1/session/info/${other.id}`)).text(), '[]')
    })
  })
}

describe('the registry client on a Consul cluster', { skip: skipWithoutConsul() }, () => {
  it('never takes the death of the leading server for an empty service, and works on after it', async () => {
    const cluster = await startConsulCluster(3)
    const leader = await cluster.leader()
    const ours = cluster.servers.find((server) => server !== leader)
    const registry = open(ours?.address ?? '')
    try {
      await registry.register({ id: 'a', name: 'shop', address: { host: '127.0.0.1', port: 1 } })
      const counts: number[] = []
      registry.watchInstances('shop', { onValue: (value) => void counts.push(value.length), onError: () => {} })
      await until('the instance is listed', () => counts.at(-1) === 1)
      const seenBefore = counts.length
      await leader.kill()
      await until('writes work again', () => registry.kv.put('after', 'x'), 30_000)
      await registry.register({ id: 'b', name: 'shop', address: { host: '127.0.0.1', port: 2 } })
      await until('the watch tells of the second instance', () => counts.at(-1) === 2, 30_000)
      assert.ok(!counts.slice(seenBefore).includes(0), String(counts))
    } finally {
      await registry.close()
      await cluster.stop()
    }
  })
})
