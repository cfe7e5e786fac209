import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import { get } from 'node:https'
import { test } from 'node:test'
import { routes } from '../../src/registry-server/api/table.ts'
import { limitPerClient } from '../../src/registry-server/http-server.ts'
import { selfSigned } from '../support/self-signed.ts'
import { makeTlsFiles, openRegistry, type TestRegistry } from './registry.ts'

const access = { token: 'the-token', readToken: 'the-read-token' }

async function statusOf(registry: TestRegistry, path: string, init: RequestInit = {}): Promise<number> {
  const response = await fetch(`${registry.url}${path}`, init)
  const text = await response.text()
  if (response.status === 403) assert.equal(text, 'Permission denied')
  return response.status
}

test('without a token in its options the registry asks for none', async (context) => {
  const registry = await openRegistry(context)
  assert.equal((await registry.put('/v1/kv/a', 'x')).status, 200)
  assert.equal(await statusOf(registry, '/v1/kv/a', { headers: { 'X-Consul-Token': 'any' } }), 200)
})

test('a token is taken from the query, X-Consul-Token and Authorization, and nothing passes without it', async (context) => {
  const registry = await openRegistry(context, { access })
  const put = (path: string, headers: Record<string, string> = {}) =>
    statusOf(registry, path, { method: 'PUT', headers, body: 'x' })
  assert.equal(await put('/v1/kv/a?token=the-token'), 200)
  assert.equal(await put('/v1/kv/a?flags=1&token=the%2Dtoken'), 200)
  assert.equal(await put('/v1/kv/a', { 'X-Consul-Token': 'the-token' }), 200)
  assert.equal(await put('/v1/kv/a', { Authorization: 'Bearer the-token' }), 200)
  assert.equal(await put('/v1/kv/a', { Authorization: 'bearer the-token' }), 200)
  const refused: [string, Record<string, string>][] = [
    ['/v1/kv/a', {}],
    ['/v1/kv/a?token=', {}],
    ['/v1/kv/a?token=the-toke', {}],
    ['/v1/kv/a?token=the-token2', {}],
    ['/v1/kv/a?xtoken=the-token', {}],
    ['/v1/kv/a', { 'X-Consul-Token': 'The-token' }],
    ['/v1/kv/a', { Authorization: 'Basic the-token' }],
    ['/v1/kv/a', { Authorization: 'the-token' }],
    // The first that is given counts, as in Consul.
    ['/v1/kv/a?token=wrong', { 'X-Consul-Token': 'the-token' }],
  ]
  for (const [path, headers] of refused) assert.equal(await put(path, headers), 403, `${path} ${JSON.stringify(headers)}`)
})

test('without the token every path is shut but the two of the status, also unknown paths and methods', async (context) => {
  const registry = await openRegistry(context, { access })
  assert.equal(await statusOf(registry, '/v1/status/leader'), 200)
  assert.equal(await statusOf(registry, '/v1/status/peers'), 200)
  for (const path of [
    '/',
    '/v1/kv/?keys',
    '/v1/agent/self',
    '/v1/catalog/services',
    '/v1/nope',
    '/v1/status/leader/x',
    '/v1/snapshot',
  ])
    assert.equal(await statusOf(registry, path), 403, path)
  for (const method of ['HEAD', 'OPTIONS', 'POST', 'DELETE'])
    assert.equal((await fetch(`${registry.url}/v1/kv/a`, { method })).status, 403, method)
})

test('the read token reads and does not write', async (context) => {
  const registry = await openRegistry(context, { access })
  const headers = { 'X-Consul-Token': 'the-read-token' }
  assert.equal(await statusOf(registry, '/v1/catalog/services', { headers }), 200)
  assert.equal(await statusOf(registry, '/v1/kv/a', { headers }), 404)
  for (const method of ['PUT', 'POST', 'DELETE'])
    assert.equal(await statusOf(registry, '/v1/kv/a', { method, headers }), 403, method)
  assert.equal(await statusOf(registry, '/v1/txn', { method: 'PUT', headers, body: '[]' }), 403)
})

test('of every endpoint the read token opens GET and nothing else', async (context) => {
  const registry = await openRegistry(context, { access })
  const headers = { 'X-Consul-Token': 'the-read-token' }
  const asked: string[] = []
  for (const [path, route] of Object.entries(routes)) {
    // It goes on until its client leaves.
    if (path === '/v1/agent/monitor') continue
    for (const method of ['GET', 'PUT', 'POST', 'DELETE'] as const) {
      const status = await statusOf(registry, path.endsWith('/') ? `${path}x` : path, { method, headers })
      const isRefused = method !== 'GET' && path !== '/v1/status/leader' && path !== '/v1/status/peers'
      assert.equal(status === 403, isRefused, `${method} ${path}: ${status}`)
      if (route[method]) asked.push(`${method} ${path}`)
    }
  }
  assert.ok(asked.length > 80, String(asked.length))
})

test('with TLS the API is HTTPS and nothing else, and a client that breaks off its handshake does no harm', async (context) => {
  const registry = await openRegistry(context, { tls: makeTlsFiles(context) })
  const broken = connect(registry.port, '127.0.0.1').on('error', () => {})
  broken.write('this is not TLS\r\n')
  await once(broken, 'close')
  const [answer] = (await once(
    get(`https://localhost:${registry.port}/v1/status/leader`, { ca: selfSigned.cert, agent: false }),
    'response',
  )) as [NodeJS.ReadableStream & { statusCode: number }]
  assert.equal(answer.statusCode, 200)
  answer.resume()
  await assert.rejects(fetch(`http://127.0.0.1:${registry.port}/v1/status/leader`))
})

test('TLS files that are missing or no certificate are refused by name', async (context) => {
  const { cert, key } = makeTlsFiles(context)
  await assert.rejects(openRegistry(context, { tls: { cert: '/no/such.crt', key } }), {
    code: 'config_unreadable',
    message: 'registry.embedded.tls.cert: /no/such.crt cannot be read',
  })
  await assert.rejects(openRegistry(context, { tls: { cert: key, key: cert } }), { code: 'config_unreadable' })
})

test('connections of one address above the limit are closed, and make room when they end', async (context) => {
  const server = createServer((socket) => void socket.on('error', () => {}))
  server.prependListener('connection', limitPerClient(2))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const { port } = server.address() as { port: number }
  const open = async () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    context.after(() => socket.destroy())
    return socket
  }
  const [first] = [await open(), await open()]
  await once((await open()).resume(), 'close')
  first.end()
  await once(first.resume(), 'close')
  const fourth = await open()
  let isClosed = false
  fourth.resume().on('close', () => (isClosed = true))
  await once((await open()).resume(), 'close')
  assert.equal(isClosed, false)
})
