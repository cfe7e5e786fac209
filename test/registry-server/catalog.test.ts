import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRegistry } from './registry.ts'

test('tags are compared without case, all of them must match, and node meta too', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/agent/service/register', { ID: 'w1', Name: 'web', Tags: ['Primary', 'v1'] })
  await registry.put('/v1/agent/service/register', { ID: 'w2', Name: 'web', Tags: ['replica', 'v1'] })
  const ids = async (query: string): Promise<readonly string[]> =>
    (await registry.get(`/v1/health/service/web?${query}`)).json<{ Service: { ID: string } }[]>().map(({ Service }) => Service.ID)
  assert.deepEqual(await ids(''), ['w1', 'w2'])
  assert.deepEqual(await ids('tag=primary'), ['w1'])
  assert.deepEqual(await ids('tag=v1&tag=REPLICA'), ['w2'])
  assert.deepEqual(await ids('tag='), [])
  assert.deepEqual(await ids('node-meta=consul-network-segment:'), ['w1', 'w2'])
  assert.deepEqual(await ids('node-meta=zone:a'), [])
})

test('a check of the node hides its services from ?passing, as maintenance does', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/agent/service/register', { Name: 'web' })
  const passing = async (): Promise<number> => (await registry.get('/v1/health/service/web?passing=1')).json<unknown[]>().length
  assert.equal(await passing(), 1)
  await registry.put('/v1/agent/service/maintenance/web?enable=true&reason=upgrade')
  assert.equal(await passing(), 0)
  await registry.put('/v1/agent/service/maintenance/web?enable=false')
  await registry.put('/v1/agent/check/register', { Name: 'disk', TTL: '1h', Status: 'warning' })
  assert.equal(await passing(), 0)
})

test('catalog reads list services with their tags, nodes, and what is on a node', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/agent/service/register', {
    ID: 'w1',
    Name: 'web',
    Tags: ['a'],
    Address: '127.0.0.2',
    Port: 80,
    Meta: { k: 'v' },
  })
  await registry.put('/v1/agent/service/register', { ID: 'w2', Name: 'web', Tags: ['b', 'a'] })
  assert.deepEqual((await registry.get('/v1/catalog/services')).json(), { consul: [], web: ['a', 'b'] })
  const [row] = (await registry.get('/v1/catalog/service/web?tag=a')).json<Record<string, unknown>[]>()
  assert.deepEqual(
    [row?.['Node'], row?.['ServiceID'], row?.['ServiceAddress'], row?.['ServicePort'], row?.['ServiceMeta']],
    ['n1', 'w1', '127.0.0.2', 80, { k: 'v' }],
  )
  const node = (await registry.get('/v1/catalog/node/n1')).json<{ Node: { Node: string }; Services: object }>()
  assert.deepEqual([node.Node.Node, Object.keys(node.Services)], ['n1', ['consul', 'w1', 'w2']])
  assert.equal((await registry.get('/v1/catalog/datacenters')).text, '["dc1"]')
})

test('checks get default ids, and those not named again go only with replace-existing-checks', async (context) => {
  const registry = await openRegistry(context)
  const register = (checks: object[], query = '') =>
    registry.put(`/v1/agent/service/register${query}`, { Name: 'two', Checks: checks })
  const ids = async (): Promise<string[]> => Object.keys((await registry.get('/v1/agent/checks')).json<object>()).toSorted()
  await register([{ TTL: '60s' }, { TTL: '60s' }])
  assert.deepEqual(await ids(), ['service:two:1', 'service:two:2'])
  await register([{ TTL: '60s' }])
  assert.deepEqual(await ids(), ['service:two', 'service:two:1', 'service:two:2'])
  await register([{ CheckID: 'only', TTL: '60s' }], '?replace-existing-checks')
  assert.deepEqual(await ids(), ['only'])
})

test('an answer is never older than the catalog', async (context) => {
  const registry = await openRegistry(context)
  for (let port = 1; port <= 20; port++) {
    await registry.put('/v1/agent/service/register', { Name: 'web', Port: port })
    const [instance] = (await registry.get('/v1/health/service/web')).json<{ Service: { Port: number } }[]>()
    assert.equal(instance?.Service.Port, port)
  }
})

test('a filter expression that names what is not there is refused and not ignored', async (context) => {
  const registry = await openRegistry(context)
  for (const path of ['/v1/health/service/web', '/v1/agent/services', '/v1/catalog/nodes']) {
    const reply = await registry.get(`${path}?filter=${encodeURIComponent('Nope == 1')}`)
    assert.equal(reply.status, 500)
    assert.match(reply.text, /^Failed to create boolean expression evaluator: /)
  }
})
