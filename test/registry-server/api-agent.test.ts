import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRegistry, type TestRegistry } from './registry.ts'

test('events are listed by name, the last 256, and wake who waits for them', async (context) => {
  const registry = await openRegistry(context)
  const fire = (name: string, query = ''): Promise<unknown> => registry.put(`/v1/event/fire/${name}${query}`, 'x')
  await fire('deploy')
  const listed = await registry.get('/v1/event/list?name=deploy')
  const index = indexIn(await fetch(`${registry.url}/v1/event/list?name=deploy`))
  assert.equal(listed.json<unknown[]>().length, 1)
  const waiting = registry.get(`/v1/event/list?name=deploy&index=${index}&wait=60s`)
  await fire('other')
  await fire('deploy')
  assert.equal((await waiting).json<unknown[]>().length, 2)
  assert.equal((await registry.get('/v1/event/list?index=1')).json<unknown[]>().length, 3, 'any other index is news')
  await fire('deploy', '?node=elsewhere')
  await fire('deploy', '?service=nothing')
  assert.equal((await registry.get('/v1/event/list?name=deploy')).json<unknown[]>().length, 2, 'those are for others')
  for (let n = 0; n < 260; n++) await fire('many')
  assert.equal((await registry.get('/v1/event/list')).json<unknown[]>().length, 256)
})

function indexIn(response: Response): string {
  return response.headers.get('x-consul-index') ?? ''
}

test('a service asked for with its hash is answered when it changes or goes', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/agent/service/register', { Name: 'web', Port: 80 })
  const hash = (await registry.get('/v1/agent/service/web')).json<{ ContentHash: string }>().ContentHash
  assert.equal((await registry.get('/v1/agent/service/web?hash=other&wait=60s')).status, 200)
  const changed = registry.get(`/v1/agent/service/web?hash=${hash}&wait=60s`)
  await registry.put('/v1/agent/service/register', { Name: 'api', Port: 1 })
  await registry.put('/v1/agent/service/register', { Name: 'web', Port: 81 })
  const { Port, ContentHash } = (await changed).json<{ Port: number; ContentHash: string }>()
  assert.equal(Port, 81)
  const gone = registry.get(`/v1/agent/service/web?hash=${ContentHash}&wait=60s`)
  await registry.put('/v1/agent/service/deregister/web')
  assert.equal((await gone).status, 404)
})

async function health(registry: TestRegistry, path: string): Promise<[number, string]> {
  const { status, text } = await registry.get(`/v1/agent/health/service/${path}?format=text`)
  return [status, text]
}

test('the health of a service is the worst of its checks, as a status code', async (context) => {
  const registry = await openRegistry(context)
  for (const ID of ['a', 'b'])
    await registry.put('/v1/agent/service/register', { ID, Name: 'web', Check: { CheckID: ID, TTL: '60s', Status: 'passing' } })
  assert.deepEqual(await health(registry, 'id/a'), [200, 'passing'])
  await registry.put('/v1/agent/check/warn/a')
  assert.deepEqual(await health(registry, 'id/a'), [429, 'warning'])
  assert.deepEqual(await health(registry, 'id/b'), [200, 'passing'])
  assert.deepEqual(await health(registry, 'name/web'), [429, 'warning'])
  await registry.put('/v1/agent/check/fail/b')
  assert.deepEqual(await health(registry, 'name/web'), [503, 'critical'])
  await registry.put('/v1/agent/maintenance?enable=true')
  assert.deepEqual(await health(registry, 'id/a'), [503, 'maintenance'])
})

test('cached reads say MISS once and HIT from then on, with what is true now', async (context) => {
  const registry = await openRegistry(context)
  const read = async (headers: Record<string, string> = {}): Promise<[string | null, number]> => {
    const response = await fetch(`${registry.url}/v1/health/service/web?cached`, { headers })
    return [response.headers.get('x-cache'), ((await response.json()) as unknown[]).length]
  }
  assert.deepEqual(await read(), ['MISS', 0])
  await registry.put('/v1/agent/service/register', { Name: 'web' })
  assert.deepEqual(await read(), ['HIT', 1])
  assert.deepEqual(await read({ 'cache-control': 'max-age=0' }), ['MISS', 1])
  const bad = await fetch(`${registry.url}/v1/health/service/web?cached`, { headers: { 'cache-control': 'max-age=x' } })
  assert.equal(bad.status, 400)
  assert.equal(await bad.text(), 'Invalid Cache-Control header.')
})

test('answers are compressed for those who take gzip, and for nobody else', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/kv/a', 'x'.repeat(2000))
  const codingFor = async (accept: string, path = '/v1/kv/a'): Promise<string | null> => {
    const response = await fetch(`${registry.url}${path}`, { headers: { 'accept-encoding': accept } })
    assert.match(await response.text(), /eHh4|LockIndex|leader|127/)
    return response.headers.get('content-encoding')
  }
  assert.equal(await codingFor('gzip'), 'gzip')
  assert.equal(await codingFor('br, gzip;q=0.5'), 'gzip')
  assert.equal(await codingFor('identity'), null)
  assert.equal(await codingFor('gzip;q=0'), null)
  assert.equal(await codingFor('gzip', '/v1/status/leader'), null, 'not worth it')
})

test('a node keeps its place when it is registered again without an address, and its old name goes', async (context) => {
  const registry = await openRegistry(context)
  const ID = '9e8b6a3c-1111-4222-8333-0123456789ab'
  const register = (body: object): Promise<{ status: number; text: string }> => registry.put('/v1/catalog/register', body)
  await register({ Node: 'a', ID, Address: '192.0.2.1', NodeMeta: { z: '1', a: '2' } })
  await register({ Node: 'a', SkipNodeUpdate: true, Service: { Service: 'db' } })
  const names = async (): Promise<string[]> =>
    (await registry.get('/v1/catalog/nodes')).json<{ Node: string }[]>().map(({ Node }) => Node)
  assert.match((await registry.get('/v1/catalog/nodes')).text, /"Meta":\{"a":"2","z":"1"\}/)
  await register({ Node: 'b', ID, Address: '192.0.2.1' })
  assert.deepEqual(await names(), ['b', 'n1'])
  assert.equal(
    (await register({ Node: 'b', Address: 'x', Check: { Node: 'a', Name: 'c' } })).text,
    'check node "a" does not match node "b"',
  )
  assert.equal((await registry.put('/v1/catalog/deregister', { Node: 'n1' })).text, 'true')
  assert.deepEqual(await names(), ['b', 'n1'], 'the own node stays')
})
