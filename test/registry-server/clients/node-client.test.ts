import assert from 'node:assert/strict'
import { test } from 'node:test'
import Consul from 'consul'
import { openRegistry } from '../registry.ts'

// The client's type declarations are behind what it does; answers are looked at as what they are.
type Row = Readonly<Record<string, unknown>>

test('the Node client registers, checks, finds and deregisters', async (context) => {
  const { port } = await openRegistry(context)
  const { agent, catalog, health } = new Consul({ host: '127.0.0.1', port })
  const check = { name: 'up', ttl: '30s' }
  await agent.service.register({ name: 'web', id: 'web-1', address: '127.0.0.1', port: 80, tags: ['a'], check } as never)
  assert.deepEqual(await health.service({ service: 'web', passing: true } as never), [])
  await agent.check.pass({ id: 'service:web-1', note: 'fine' } as never)
  const [found] = (await health.service({ service: 'web', passing: true } as never)) as { Service: Row }[]
  assert.equal(found?.Service['ID'], 'web-1')
  await agent.check.warn('service:web-1')
  await agent.check.fail('service:web-1')
  assert.deepEqual(names(await health.state('critical'), 'CheckID'), ['service:web-1'])
  await agent.check.register({ name: 'own', tcp: '127.0.0.1:1', interval: '60s' } as never)
  assert.deepEqual(Object.keys((await agent.checks()) as object).toSorted(), ['own', 'service:web-1'])
  await agent.check.deregister('own')
  await agent.service.maintenance({ id: 'web-1', enable: true, reason: 'rollout' })
  assert.deepEqual(names(await health.checks('web'), 'CheckID').toSorted(), ['_service_maintenance:web-1', 'service:web-1'])
  await agent.service.maintenance({ id: 'web-1', enable: false })
  await agent.maintenance(false)
  assert.deepEqual(Object.keys((await agent.services()) as object), ['web-1'])
  assert.deepEqual(names((await agent.members()) as Row[], 'Name'), ['n1'])
  assert.equal(((await agent.self()) as { Config: Row }).Config['NodeName'], 'n1')
  assert.deepEqual(await catalog.service.list(), { consul: [], web: ['a'] })
  assert.deepEqual(names(await catalog.service.nodes('web'), 'ServiceID'), ['web-1'])
  assert.deepEqual(names(await catalog.node.list(), 'Node'), ['n1'])
  assert.deepEqual(Object.keys(((await catalog.node.services('n1')) as { Services: object }).Services), ['consul', 'web-1'])
  assert.deepEqual(await catalog.datacenters(), ['dc1'])
  assert.deepEqual(names(await health.node('n1'), 'CheckID').toSorted(), ['serfHealth', 'service:web-1'])
  await agent.service.deregister('web-1')
  assert.deepEqual(await health.service('web'), [])
})

test('the Node client stores, compares, locks, and runs transactions', async (context) => {
  const { port } = await openRegistry(context)
  const { kv, session, transaction } = new Consul({ host: '127.0.0.1', port })
  assert.equal(await kv.set('app/a', 'one'), true)
  const entry = (await kv.get('app/a')) as unknown as Row
  assert.equal(entry['Value'], 'one')
  assert.deepEqual(await kv.keys('app/'), ['app/a'])
  assert.equal(await kv.set({ key: 'app/a', value: 'two', cas: String(entry['ModifyIndex']) } as never), true)
  // The client makes nothing of a body that says false.
  assert.equal((await kv.set({ key: 'app/a', value: 'three', cas: String(entry['ModifyIndex']) } as never)) ?? false, false)
  const written = await transaction.create([
    { KV: { Verb: 'set', Key: 'app/b', Value: Buffer.from('b').toString('base64') } },
  ] as never)
  assert.equal((written as { Results: unknown[] }).Results.length, 1)
  assert.deepEqual(names(await kv.get({ key: 'app/', recurse: true } as never), 'Value'), ['two', 'b'])

  const { ID: mine } = await session.create({ ttl: '15s', lockdelay: '0s' })
  const { ID: yours } = await session.create()
  assert.equal(await kv.set({ key: 'lock', value: 'me', acquire: mine }), true)
  assert.equal((await kv.set({ key: 'lock', value: 'you', acquire: yours })) ?? false, false)
  for (const one of [await session.renew(mine), await session.get(mine)]) assert.deepEqual(names([one].flat(), 'ID'), [mine])
  assert.equal(((await session.list()) as unknown[]).length, 2)
  assert.equal(((await session.node('n1')) as unknown[]).length, 2)
  await session.destroy(mine)
  assert.equal(await kv.set({ key: 'lock', value: 'you', acquire: yours }), true)
  await kv.del({ key: 'app/', recurse: true })
  assert.equal(await kv.get('app/a'), undefined)
})

test('the Node client fires events, runs prepared queries and asks for the status', async (context) => {
  const { port } = await openRegistry(context)
  const { event, query, status, agent } = new Consul({ host: '127.0.0.1', port })
  const { ID } = await event.fire('deploy', 'now')
  assert.deepEqual(names(await event.list('deploy'), 'ID'), [ID])
  await agent.service.register({ name: 'web', port: 80 } as never)
  const created = await query.create({ name: 'nearby', service: { service: 'web' } } as never)
  assert.equal(((await query.execute({ query: 'nearby' } as never)) as { Nodes: unknown[] }).Nodes.length, 1)
  await query.update({ query: created.ID, name: 'near', service: { service: 'web', onlypassing: true } })
  assert.deepEqual(names(await query.list(), 'Name'), ['near'])
  await (query as unknown as { destroy(id: string): Promise<void> }).destroy(created.ID)
  assert.deepEqual(await query.list(), [])
  assert.deepEqual(await status.peers(), [await status.leader()])
})

test('the Node client is told of each change that it watches', async (context) => {
  const { port } = await openRegistry(context)
  const client = new Consul({ host: '127.0.0.1', port })
  await client.kv.set('app/a', 'one')
  // oxlint-disable-next-line typescript/unbound-method -- the client asks for the bare method and binds it itself
  const watch = client.watch({ method: client.kv.get, options: { key: 'app/a' } })
  context.after(() => watch.end())
  const seen: string[] = []
  await new Promise<void>((resolve, reject) => {
    watch.on('change', (data: { Value: string }) => {
      seen.push(data.Value)
      if (seen.length === 2) resolve()
      else client.kv.set('app/a', 'two').catch(reject)
    })
    watch.on('error', reject)
  })
  assert.deepEqual(seen, ['one', 'two'])
})

function names(rows: unknown, field: string): string[] {
  return (rows as readonly Row[]).map((row) => String(row[field]))
}
