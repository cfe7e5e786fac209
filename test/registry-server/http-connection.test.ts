import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRaw, sendRaw, type RawClient } from '../support/raw-socket.ts'
import { until } from '../support/until.ts'
import { openRegistry } from './registry.ts'

const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
const put = (target: string, body: string, more = ''): string =>
  `PUT ${target} HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const close = 'Connection: close\r\n'
const line = (start: string, more = close): string => `${start}\r\nHost: x\r\n${more}\r\n`
const expecting = (length: number, more: string): string =>
  `PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n${more}Content-Length: ${length}\r\n\r\n`
const utf8 = (text: string): Buffer => Buffer.from(text)

/** Waits until so many answers have come that have a body which ends with `last`. */
const came = (client: RawClient, last: string): Promise<unknown> =>
  until(`"${last}" came`, () => client.received().endsWith(last))

const statuses = (received: string): string[] => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status)

test('a key that is sent as it was typed is the key that is sent percent-encoded', async (context) => {
  const registry = await openRegistry(context)
  assert.match(await sendRaw(registry.port, utf8(put('/v1/kv/ключ', 'v', close))), /^HTTP\/1\.1 200 /)
  assert.equal((await registry.get(`/v1/kv/${encodeURIComponent('ключ')}?raw`)).text, 'v')
  assert.match(await sendRaw(registry.port, utf8(get('/v1/kv/?keys&x=ключ', close))), /^HTTP\/1\.1 200 /)
  // Octets that are no UTF-8 name no key.
  assert.match(await sendRaw(registry.port, get('/v1/kv/a\xff', close)), /^HTTP\/1\.1 400 /)
})

test('requests that are sent ahead are answered in their order, also behind a read that is held', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/kv/a', 'first')
  const { index } = await registry.get('/v1/kv/a')
  const client = await openRaw(registry.port)
  context.after(() => client.socket.destroy())
  client.send(put('/v1/kv/b', 'x') + get('/v1/kv/b?raw') + get(`/v1/kv/a?raw&wait=1m&index=${index}`) + get('/v1/kv/b?raw'))
  await came(client, '\r\n\r\nx')
  assert.deepEqual(statuses(client.received()), ['200', '200'])
  await registry.put('/v1/kv/a', 'second')
  await until('all came', () => statuses(client.received()).length === 4)
  await came(client, '\r\n\r\nx')
  assert.match(client.received(), /\r\n\r\nsecondHTTP/)
})

test('a client that sends no more gets the answers to what it has sent, and a read that is held ends', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/kv/a', 'x')
  const { index } = await registry.get('/v1/kv/a')
  for (const [sent, wanted] of [
    [put('/v1/kv/b', 'x'), ['200']],
    [put('/v1/kv/b', 'y') + get('/v1/kv/b') + get('/v1/kv/none'), ['200', '200', '404']],
    [get(`/v1/kv/a?wait=10m&index=${index}`), ['200']],
    ['', []],
    // Half a request is none.
    ['PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc', []],
    ['GET /v1/kv/', []],
  ] as const) {
    const client = await openRaw(registry.port)
    client.socket.end(sent)
    assert.deepEqual(statuses(await client.closed), wanted, sent)
  }
  assert.equal((await registry.get('/v1/kv/b?raw')).text, 'y')
})

test('a request may come octet by octet, with a body in chunks', async (context) => {
  const registry = await openRegistry(context)
  const client = await openRaw(registry.port)
  context.after(() => client.socket.destroy())
  const request = 'PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n'
  for (const octet of request) {
    client.send(octet)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await came(client, '\r\n\r\ntrue')
  assert.equal((await registry.get('/v1/kv/a?raw')).text, 'abcde')
  client.send('PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')
  assert.match(await client.closed, /HTTP\/1\.1 400 [^]*Connection: close\r\n/)
  assert.equal((await registry.get('/v1/kv/a?raw')).text, 'abcde')
})

test('who waits to be told to send a body is told so only if it is wanted', async (context) => {
  const registry = await openRegistry(context, { access: { token: 'secret', readToken: null } })
  const token = 'X-Consul-Token: secret\r\n'
  const client = await openRaw(registry.port)
  context.after(() => client.socket.destroy())
  client.send(expecting(3, token))
  await until('it is told to continue', () => client.received() === 'HTTP/1.1 100 Continue\r\n\r\n')
  client.send('abc')
  await came(client, '\r\n\r\ntrue')
  // Whether the body comes behind these answers nobody knows, so the connection ends.
  for (const [request, wanted] of [
    [expecting(3, ''), /^HTTP\/1\.1 403 [^]*Connection: close\r\n/],
    [expecting(2 ** 40, token), /^HTTP\/1\.1 413 [^]*Connection: close\r\n/],
    [expecting(3, token).replace('100-continue', 'a miracle'), /^HTTP\/1\.1 417 [^]*Connection: close\r\n/],
  ] as const) {
    const refused = await openRaw(registry.port)
    refused.send(request)
    await until('an answer comes', () => wanted.test(refused.received()))
    refused.socket.end()
    assert.deepEqual(statuses(await refused.closed).length, 1)
  }
})

test('a body that nobody wants is passed over, and the next request is read', async (context) => {
  const registry = await openRegistry(context)
  const answers = await sendRaw(
    registry.port,
    put('/v1/none', 'x'.repeat(100_000)) + put('/v1/status/leader', 'GET / HTTP/1.1\r\n\r\n') + get('/v1/status/leader', close),
  )
  assert.deepEqual(statuses(answers), ['404', '405', '200'])
})

test('a client that does not take its answers is not read from until it does', async (context) => {
  const registry = await openRegistry(context)
  const value = 'v'.repeat(400_000)
  await registry.put('/v1/kv/big', value)
  const client = await openRaw(registry.port)
  context.after(() => client.socket.destroy())
  client.socket.pause()
  const times = 200
  client.send(get('/v1/kv/big?raw').repeat(times) + put('/v1/kv/last', 'x', close))
  // Others are served meanwhile.
  for (let n = 0; n < 20; n++) assert.equal((await registry.get('/v1/kv/last')).status, 404)
  client.socket.resume()
  assert.equal(statuses(await client.closed).length, times + 1)
  assert.equal((await registry.get('/v1/kv/last?raw')).text, 'x')
})

test('what cannot be understood is refused in the words of Go, and the connection ends', async (context) => {
  const registry = await openRegistry(context)
  for (const [request, wanted] of [
    ['GET /v1/status/leader HTTP/1.1\r\n\r\n', '400 Bad Request: missing required Host header'],
    ['nonsense\r\n\r\n', '400 Bad Request'],
    [get('v1/status/leader'), '400 Bad Request'],
    [get('/v1/status/leader', 'a b: c\r\n'), '400 Bad Request'],
    [get('/v1/status/leader', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'), '400 Bad Request'],
    [get('/v1/status/leader', `A: ${'a'.repeat(70_000)}\r\n`), '431 Request Header Fields Too Large'],
  ] as const) {
    const answer = await sendRaw(registry.port, request)
    assert.ok(answer.startsWith(`HTTP/1.1 ${wanted.slice(0, 3)} `), answer)
    assert.match(answer, /\r\nConnection: close\r\n/)
    assert.ok(answer.endsWith(`\r\n\r\n${wanted}`), answer)
  }
  // Heads as long as filters make them are understood.
  assert.match(await sendRaw(registry.port, get('/v1/status/leader', `A: ${'a'.repeat(40_000)}\r\n${close}`)), /^HTTP\/1\.1 200 /)
})

test('other methods, forms of a target and versions are answered as Consul answers them', async (context) => {
  const registry = await openRegistry(context)
  const answer = (request: string): Promise<string> => sendRaw(registry.port, request)
  assert.match(await answer(line('LIST /v1/status/leader HTTP/1.1')), /^HTTP\/1\.1 405 [^]*method LIST not allowed$/)
  assert.match(await answer(line('get /v1/status/leader HTTP/1.1')), /^HTTP\/1\.1 405 [^]*method get not allowed$/)
  assert.match(await answer(line('HEAD /v1/status/leader HTTP/1.1')), /^HTTP\/1\.1 405 [^]*Content-Length: 23\r\n\r\n$/)
  assert.match(await answer(line('OPTIONS * HTTP/1.1')), /^HTTP\/1\.1 200 [^]*Content-Length: 0\r\n\r\n$/)
  assert.match(await answer(line('GET http://elsewhere/v1/status/leader HTTP/1.1')), /^HTTP\/1\.1 200 /)
  assert.match(await answer('GET /v1/status/leader HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 [^]*Connection: close\r\n/)
  const kept = await answer(line('GET /v1/status/leader HTTP/1.0', 'Connection: keep-alive\r\n') + line('GET / HTTP/1.0', ''))
  assert.deepEqual(statuses(kept), ['200', '200'])
})
