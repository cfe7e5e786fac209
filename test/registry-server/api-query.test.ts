import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeFolder, openRegistry, type Reply, type TestRegistry } from './registry.ts'

async function create(registry: TestRegistry, query: object): Promise<{ status: number; text: string; id: string }> {
  const response = await fetch(`${registry.url}/v1/query`, { method: 'POST', body: JSON.stringify(query) })
  const text = await response.text()
  return { status: response.status, text, id: response.ok ? (JSON.parse(text) as { ID: string }).ID : '' }
}

async function register(registry: TestRegistry, node: string, more: { status?: string; tags?: string[]; meta?: object } = {}) {
  await registry.put('/v1/catalog/register', {
    Node: node,
    Address: '192.0.2.1',
    Service: { ID: `db-${node}`, Service: 'db', Tags: more.tags ?? [], Meta: more.meta ?? {}, Port: 1 },
    Check: { CheckID: `c-${node}`, Status: more.status ?? 'passing', ServiceID: `db-${node}` },
  })
}

function nodesOf(reply: Reply): string[] {
  return reply.json<{ Nodes: { Node: { Node: string } }[] }>().Nodes.map(({ Node }) => Node.Node)
}

test('a query finds what its health, tags and meta ask for', async (context) => {
  const registry = await openRegistry(context)
  await register(registry, 'a', { tags: ['v1'], meta: { zone: 'x' } })
  await register(registry, 'b', { status: 'warning', tags: ['v2'] })
  await register(registry, 'c', { status: 'critical' })
  const find = async (service: object): Promise<string[]> => {
    const { id } = await create(registry, { Name: JSON.stringify(service), Service: { Service: 'db', ...service } })
    return nodesOf(await registry.get(`/v1/query/${id}/execute`)).toSorted()
  }
  assert.deepEqual(await find({}), ['a', 'b'], 'critical instances are left out')
  assert.deepEqual(await find({ OnlyPassing: true }), ['a'])
  assert.deepEqual(await find({ IgnoreCheckIDs: ['c-c'] }), ['a', 'b', 'c'])
  assert.deepEqual(await find({ Tags: ['V1'] }), ['a'])
  assert.deepEqual(await find({ Tags: ['!v1'] }), ['b'])
  assert.deepEqual(await find({ ServiceMeta: { zone: 'x' } }), ['a'])
  assert.deepEqual(await find({ Connect: true }), [])
})

test('a query is found by name and by id, changed, and removed', async (context) => {
  const data = makeFolder(context)
  const first = await openRegistry(context, { data })
  const { id } = await create(first, { Name: 'q', Service: { Service: 'db' }, DNS: { TTL: '7s' } })
  assert.equal((await create(first, { Name: 'q', Service: { Service: 'x' } })).text, "name 'q' aliases an existing query name")
  await first.server.close()
  const registry = await openRegistry(context, { data })
  assert.equal((await registry.put(`/v1/query/${id}`, { Name: 'r', Service: { Service: 'db' } })).status, 200)
  assert.equal((await registry.get('/v1/query/q/execute')).status, 404)
  assert.equal((await registry.get('/v1/query/r/execute')).status, 200)
  const waiting = registry.get(`/v1/query?index=${(await registry.get('/v1/query')).index}&wait=60s`)
  assert.equal((await registry.delete(`/v1/query/${id}`)).status, 200)
  assert.deepEqual((await waiting).json(), [])
  assert.equal((await registry.delete(`/v1/query/${id}`)).text, `Cannot modify non-existent prepared query: '${id}'`)
})

test('a query ends with the session it is bound to', async (context) => {
  const registry = await openRegistry(context)
  const { ID } = (await registry.put('/v1/session/create', {})).json<{ ID: string }>()
  const { id } = await create(registry, { Session: ID, Service: { Service: 'db' } })
  await registry.put(`/v1/session/destroy/${ID}`)
  assert.equal((await registry.get(`/v1/query/${id}`)).status, 404)
})

test('a template answers every name that starts like it; the longest wins', async (context) => {
  const registry = await openRegistry(context)
  const template = { Type: 'name_prefix_match', Regexp: '^geo-(.*?)-([^\\-]+?)$', RemoveEmptyTags: true }
  const geo = { Service: '${match(1)}', Tags: ['${match(2)}', '${match(9)}'], NodeMeta: { all: '${name.full}' } }
  await create(registry, { Name: 'geo-', Template: template, Service: geo })
  await create(registry, { Name: '', Template: { Type: 'name_prefix_match' }, Service: { Service: '${name.suffix}' } })
  const explain = async (name: string): Promise<object> =>
    (await registry.get(`/v1/query/${name}/explain`)).json<{ Query: { Service: object } }>().Query.Service
  const { Service, Tags, NodeMeta } = (await explain('geo-web-east')) as Record<string, unknown>
  assert.deepEqual([Service, Tags, NodeMeta], ['web', ['east'], { all: 'geo-web-east' }])
  assert.equal(((await explain('other')) as { Service: string }).Service, 'other')
  const bad = await create(registry, { Name: 'bad', Template: { Type: 'name_prefix_match' }, Service: { Service: '${nope}' } })
  assert.equal(bad.status, 500)
})

test('near orders by distance, for queries and for the catalog', async (context) => {
  const registry = await openRegistry(context)
  const place = (Node: string, x: number): Promise<unknown> =>
    registry.put('/v1/coordinate/update', {
      Node,
      Coord: { Vec: [x, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 0 },
    })
  for (const node of ['a', 'b', 'c']) await register(registry, node)
  await Promise.all([place('n1', 0), place('a', 3), place('b', 1)])
  const names = async (path: string): Promise<string[]> =>
    (await registry.get(path)).json<{ Node: { Node: string } }[]>().map(({ Node }) => Node.Node)
  assert.deepEqual(await names('/v1/health/service/db?near=_agent'), ['b', 'a', 'c'], 'the unplaced one is the last')
  assert.deepEqual(await names('/v1/health/service/db?near=a'), ['a', 'b', 'c'])
  assert.deepEqual(await names('/v1/health/service/db?near=c'), ['a', 'b', 'c'], 'from nowhere the order stays')
  await create(registry, { Name: 'q', Service: { Service: 'db', Near: '_agent' } })
  assert.deepEqual(nodesOf(await registry.get('/v1/query/q/execute')), ['b', 'a', 'c'])
  assert.deepEqual(nodesOf(await registry.get('/v1/query/q/execute?near=a&limit=1')), ['a'])
})
