import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createPlain } from 'node:net'
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { probeGrpc } from '../../src/registry-server/checks/grpc-check.ts'
import { requestMessage, servingStatusOf } from '../../src/grpc-health-message.ts'
import { selfSigned } from '../support/self-signed.ts'
import { checkDefinition } from './check-definition.ts'

/** What the health service says of each service: a serving status, or how else it answers. */
const behaviours: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  '': (stream) => answer(stream, 1),
  up: (stream) => answer(stream, 1),
  down: (stream) => answer(stream, 2),
  unknown: (stream) => answer(stream, 0),
  missing: (stream) => stream.respond({ 'grpc-status': '5', 'grpc-message': 'unknown%20service' }, { endStream: true }),
  web: (stream) => {
    stream.respond({ ':status': 404, 'content-type': 'text/plain' })
    stream.end('nope')
  },
  reset: (stream) => stream.close(2),
  silent: () => {},
  endless: (stream) => {
    stream.respond({ 'content-type': 'application/grpc' })
    stream.end(Buffer.alloc(100_000))
  },
}

function answer(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.from(status === 0 ? [0, 0, 0, 0, 0] : [0, 0, 0, 0, 2, 8, status]))
}

async function serve(context: TestContext, server: Http2Server): Promise<number> {
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      assert.equal(headers[':path'], '/grpc.health.v1.Health/Check')
      behaviours[Buffer.concat(chunks).subarray(7).toString()]?.(stream as ServerHttp2Stream)
    })
  })
  server.on('sessionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  return (server.address() as { port: number }).port
}

async function look(target: string, options: object = {}): Promise<string> {
  const definition = { ...checkDefinition, kind: 'grpc' as const, target, timeoutMs: 300, ...options }
  const { status, output } = await probeGrpc(definition, systemClock, new AbortController().signal)
  return `${status} ${output}`
}

const rpc = (code: string, description: string): string => `critical rpc error: code = ${code} desc = ${description}`
const framed = (...message: number[]): Buffer => Buffer.from([0, 0, 0, 0, message.length, ...message])

test('a gRPC check says of each answer what Consul says of it', async (context) => {
  const port = await serve(context, createServer())
  const at = `127.0.0.1:${port}`
  const notHealthy = "critical gRPC application didn't report service healthy"
  const wanted: Readonly<Record<string, string>> = {
    [at]: `passing gRPC check ${at}: success`,
    [`${at}/up`]: `passing gRPC check ${at}/up: success`,
    [`${at}/down`]: notHealthy,
    [`${at}/unknown`]: notHealthy,
    [`${at}/missing`]: rpc('NotFound', 'unknown service'),
    [`${at}/web`]: rpc(
      'Unimplemented',
      'Not Found: HTTP status code 404; transport: received the unexpected content-type "text/plain"',
    ),
    [`${at}/reset`]: rpc('Internal', 'stream terminated by RST_STREAM with error code: INTERNAL_ERROR'),
    [`${at}/silent`]: rpc('DeadlineExceeded', 'context deadline exceeded'),
    [`${at}/endless`]: rpc('ResourceExhausted', 'received message larger than max (65536 bytes)'),
    nowhere: rpc(
      'Unavailable',
      'connection error: desc = "transport: Error while dialing dial tcp: address nowhere: missing port in address"',
    ),
  }
  for (const [target, output] of Object.entries(wanted)) assert.equal(await look(target), output)
})

test('a gRPC check of a port that nobody listens on, or that speaks no HTTP/2, is critical', async (context) => {
  const closed = createPlain()
  closed.listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as { port: number }
  closed.close()
  const refused = `dial tcp 127.0.0.1:${port}: connect: connection refused`
  assert.equal(
    await look(`127.0.0.1:${port}`),
    `critical rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing ${refused}"`,
  )
  const rude = createPlain((socket) => void socket.on('error', () => {}).end('hello\r\n'))
  rude.listen(0, '127.0.0.1')
  await once(rude, 'listening')
  context.after(() => rude.close())
  assert.match(await look(`127.0.0.1:${(rude.address() as { port: number }).port}`), /^critical rpc error: code = Unavailable/)
})

test('a gRPC check over TLS wants a certificate it trusts, unless it is told to skip that', async (context) => {
  const port = await serve(context, createSecureServer(selfSigned))
  assert.match(await look(`127.0.0.1:${port}`, { useTls: true }), /x509: certificate signed by unknown authority/)
  assert.match(await look(`127.0.0.1:${port}/up`, { useTls: true, tlsSkipVerify: true }), /^passing /)
})

test('the health message is written and read as protobuf says, and anything else is no answer', () => {
  assert.equal(requestMessage('').toString('hex'), '0000000000')
  assert.equal(requestMessage('ab').toString('hex'), '00000000040a026162')
  assert.equal(requestMessage('x'.repeat(300)).subarray(0, 8).toString('hex'), '000000012f0aac02')
  assert.equal(servingStatusOf(framed(8, 1)), 1)
  assert.equal(servingStatusOf(framed()), 0)
  // A field of a later version before the status.
  assert.equal(servingStatusOf(framed(0x12, 2, 9, 9, 8, 1)), 1)
  for (const broken of [
    Buffer.alloc(0),
    Buffer.from([1, 0, 0, 0, 2, 8, 1]),
    Buffer.from([0, 0, 0, 0, 9, 8, 1]),
    framed(8),
    framed(11, 1),
  ]) {
    assert.equal(servingStatusOf(broken), null)
  }
})
