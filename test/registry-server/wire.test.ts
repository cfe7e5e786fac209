import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseGoDurationNs } from '../../src/registry-server/api/go-duration.ts'
import { compareBytes, SortedMap } from '../../src/registry-server/store/sorted-map.ts'
import { openRegistry } from './registry.ts'

test('a value above 512 KiB is refused also when it comes in chunks', async (context) => {
  const registry = await openRegistry(context)
  const put = request({ port: registry.port, method: 'PUT', path: '/v1/kv/big' })
  for (let chunk = 0; chunk < 9; chunk++) put.write(Buffer.alloc(64 * 1024))
  put.end()
  const [response] = (await once(put, 'response')) as [{ statusCode: number; resume(): void }]
  response.resume()
  assert.equal(response.statusCode, 413)
  assert.equal((await registry.get('/v1/kv/big')).status, 404)
})

test("a client that sends a body far too large gets Consul's answer, and can go on with its connection", async (context) => {
  const registry = await openRegistry(context)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  context.after(() => agent.destroy())
  const bytes = 20 * 1024 * 1024
  for (const [path, setting] of [
    ['/v1/kv/big', 'kv_max_value_size'],
    ['/v1/txn', 'txn_max_req_len'],
  ]) {
    const put = request({ port: registry.port, method: 'PUT', path, agent, headers: { 'Content-Length': bytes } })
    const answered = once(put, 'response') as Promise<[IncomingMessage]>
    // It looks at the answer only when it has sent everything.
    await new Promise<void>((resolve) => put.end(Buffer.alloc(bytes), () => resolve()))
    const [response] = await answered
    const text = `Request body(${bytes} bytes) too large, max size: 524288 bytes. See https://www.consul.io/docs/agent/options.html#${setting}.`
    assert.deepEqual([response.statusCode, (await response.setEncoding('utf8').toArray()).join('')], [413, text])
  }
  assert.equal((await registry.get('/v1/kv/big')).status, 404)
})

test('who is told that its body is too large does not have to send it', async (context) => {
  const registry = await openRegistry(context)
  const put = request({ port: registry.port, method: 'PUT', path: '/v1/kv/big', headers: { 'Content-Length': 2 ** 40 } })
  put.on('error', () => {})
  put.flushHeaders()
  const [response] = (await once(put, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 413)
  put.destroy()
})

test('garbage, half a request and a client that leaves in the middle do not stop the registry', async (context) => {
  const registry = await openRegistry(context)
  const pieces = [
    'nonsense\r\n\r\n',
    'PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab',
    'GET /v1/kv/%zz HTTP/1.1\r\nHost: x\r\n\r\n',
  ]
  for (const piece of pieces) {
    const socket = connect(registry.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
    await once(socket, 'close')
  }
  assert.equal((await registry.get('/v1/kv/a')).status, 404)
  assert.equal((await registry.get('/v1/kv/%zz')).status, 400)
})

test('any key and any bytes come back as they were put', async (context) => {
  const registry = await openRegistry(context)
  const key = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
    .filter(
      (text) =>
        /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(text) && !text.startsWith('/') && !/\/\/|(?:^|\/)\.{1,2}(?:\/|$)/.test(text),
    )
  const property = fc.asyncProperty(
    key,
    fc.uint8Array({ maxLength: 200 }),
    fc.bigInt(0n, 2n ** 64n - 1n),
    async (name, value, flags) => {
      const url = `${registry.url}/v1/kv/${encodeURIComponent(name)}`
      await fetch(`${url}?flags=${flags}`, { method: 'PUT', body: value })
      const text = await (await fetch(url)).text()
      const [entry] = JSON.parse(text) as { Key: string; Value: string | null }[]
      assert.equal(entry?.Key, name)
      assert.deepEqual(Buffer.from(entry?.Value ?? '', 'base64'), Buffer.from(value))
      assert.ok(text.includes(`"Flags":${flags},`))
    },
  )
  await fc.assert(property, { numRuns: 60 })
})

test('keys are listed in the order of their bytes', () => {
  const property = fc.property(
    fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 6 })),
    fc.string({ maxLength: 2 }),
    (keys, prefix) => {
      const map = new SortedMap<string>()
      for (const key of keys) map.set(key, key)
      for (const key of keys.filter((_, at) => at % 3 === 0)) map.delete(key)
      const wanted = keys.filter((key, at) => at % 3 !== 0 && key.startsWith(prefix))
      assert.deepEqual(
        [...map.withPrefix(prefix)],
        wanted.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      )
      assert.ok(
        keys.every((a) => keys.every((b) => Math.sign(compareBytes(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b)))),
      )
    },
  )
  fc.assert(property)
})

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

test('a body that is nested deeper than Go reads is refused in its words, brackets in texts aside', async (context) => {
  const registry = await openRegistry(context)
  const register = async (config: string): Promise<string> => {
    const body = `{"Node":"n","Address":"10.0.0.1","Service":{"Service":"s","Proxy":{"Config":{"x":${config}}}}}`
    return (await fetch(`${registry.url}/v1/catalog/register`, { method: 'PUT', body })).text()
  }
  assert.equal(await register(nested(20_000)), "Request decode failed: invalid character '[' exceeded max depth")
  assert.equal(await register(nested(1000)), 'true')
  assert.equal(await register(JSON.stringify('[{'.repeat(20_000))), 'true')
})

test('durations are read as Go reads them', () => {
  assert.deepEqual(
    ['10s', '1m30s', '0.001s', '-1s', '0', '1h', '15.0s', '500ms', '1us'].map(parseGoDurationNs),
    [10e9, 90e9, 1e6, -1e9, 0, 3600e9, 15e9, 5e8, 1000],
  )
  assert.deepEqual(
    ['10', '', 's', '1x', '-', '9999999h', '-9999999h'].map((text) => typeof parseGoDurationNs(text)),
    Array<string>(7).fill('string'),
  )
})
