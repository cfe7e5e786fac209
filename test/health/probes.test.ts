import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { ProbeResult } from '../../src/health/probe.ts'
import { createProbe, probeTable } from '../../src/health/table.ts'
import { startGrpcHealth } from '../support/grpc-health.ts'
import { startInstance, type Answer } from '../support/instance.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'

const never = new AbortController().signal

function probe(
  kind: string,
  port: number,
  { value = {}, signal = never }: { value?: unknown; signal?: AbortSignal } = {},
): Promise<ProbeResult> {
  const options = probeTable[kind]?.options.parse(value)
  return createProbe({ kind, options })({ host: '127.0.0.1', port }, signal)
}

/** A server that does `behave` with each connection; closes itself at the end of the test run. */
async function rawServer(behave: (socket: Socket) => void): Promise<{ port: number; sockets: Set<Socket>; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    behave(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port: (server.address() as { port: number }).port, sockets, close }
}

const fine: Answer = (_request, response) => void response.end('ok')

/** What the schema of the HTTP probe says to a value. */
function refused(value: unknown): string {
  return probeTable.http?.options.safeParse(value).error?.message ?? 'accepted'
}

/** A value for each kind of the table that its schema accepts. */
const validValues: Record<string, unknown> = { http: '/healthz', tcp: {}, grpc: {} }

/** An instance that answers each kind. */
async function startGood(kind: string): Promise<{ readonly port: number; close(): Promise<void> }> {
  if (kind === 'grpc') return startGrpcHealth({ '': 1 })
  const { port, kill } = await startInstance('good')
  return { port, close: kill }
}

for (const kind of Object.keys(probeTable)) {
  describe(`every kind of probe: ${kind}`, () => {
    const value = validValues[kind]

    test('fails with a reason where nobody listens', async () => {
      const [port = 0] = await freePorts(1)
      const result = await probe(kind, port, { value })
      assert.equal(result.ok, false)
      assert.match(result.detail, /ECONNREFUSED/)
    })

    test('passes at an instance that answers', async () => {
      const instance = await startGood(kind)
      assert.equal((await probe(kind, instance.port, { value })).ok, true)
      await instance.close()
    })

    test('ends when its signal aborts and leaves no connection', async () => {
      const server = await rawServer(() => {})
      const controller = new AbortController()
      const result = probe(kind, server.port, { value, signal: controller.signal })
      controller.abort()
      assert.equal((await result).ok, false)
      assert.equal((await probe(kind, server.port, { value, signal: controller.signal })).ok, false)
      await until('its connections are closed', () => server.sockets.size === 0)
      server.close()
    })

    test('has a schema with a description and refuses an unknown setting', () => {
      assert.ok(probeTable[kind]?.options.meta()?.description)
      assert.equal(probeTable[kind]?.options.safeParse({ nonsense: 1 }).success, false)
    })
  })
}

describe('the TCP probe', () => {
  test('passes at a server that accepts and says nothing', async () => {
    const server = await rawServer(() => {})
    assert.deepEqual(await probe('tcp', server.port), { ok: true, detail: 'connected' })
    server.close()
  })
})

describe('the HTTP probe', () => {
  let seen: { host: string | undefined; url: string | undefined } = { host: undefined, url: undefined }
  let answer: Answer = fine
  const instance = startInstance('instance', (request, response) => {
    seen = { host: request.headers.host, url: request.url }
    answer(request, response)
  })
  let port = 0
  before(async () => void (port = (await instance).port))
  after(async () => (await instance).kill())

  test('asks for its path, with the address as Host unless told otherwise', async () => {
    await probe('http', port, { value: '/up?full=1' })
    assert.deepEqual(seen, { host: `127.0.0.1:${port}`, url: '/up?full=1' })
    await probe('http', port, { value: { path: '/', host: 'shop.example.com' } })
    assert.deepEqual(seen, { host: 'shop.example.com', url: '/' })
  })

  test('fails at a status outside of 2xx and names it', async () => {
    answer = (_request, response) => response.writeHead(503).end()
    assert.deepEqual(await probe('http', port, { value: '/' }), { ok: false, detail: 'HTTP 503' })
  })

  test('does not follow a redirect', async () => {
    answer = (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end()
    assert.deepEqual(await probe('http', port, { value: '/' }), { ok: false, detail: 'HTTP 302' })
    assert.equal(seen.url, '/')
  })

  test('accepts the statuses that it is told to', async () => {
    answer = (_request, response) => response.writeHead(401).end()
    assert.equal((await probe('http', port, { value: { path: '/', status: '200-499' } })).ok, true)
    assert.equal((await probe('http', port, { value: { path: '/', status: '401' } })).ok, true)
    assert.equal((await probe('http', port, { value: { path: '/', status: '402' } })).ok, false)
  })

  test('passes without reading an endless body to its end', async () => {
    answer = (_request, response) => {
      const chunk = Buffer.alloc(16 * 1024)
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', pour)
      pour()
    }
    assert.deepEqual(await probe('http', port, { value: '/' }), { ok: true, detail: 'HTTP 200' })
  })

  test('fails at an instance that breaks off in the middle of its answer', async () => {
    const server = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'))
    const result = await probe('http', server.port, { value: '/' })
    assert.equal(result.ok, false)
    assert.match(result.detail, /^HTTP 200, then /)
    server.close()
  })

  test('fails at an instance that closes or resets without an answer', async () => {
    const closing = await rawServer((socket) => socket.end())
    assert.match((await probe('http', closing.port, { value: '/' })).detail, /socket hang up/)
    closing.close()
    const resetting = await rawServer((socket) => socket.resetAndDestroy())
    assert.match((await probe('http', resetting.port, { value: '/' })).detail, /ECONNRESET|hang up/)
    resetting.close()
  })

  test('fails at an instance that does not speak HTTP, or wants to speak something else', async () => {
    const garbage = await rawServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'))
    assert.equal((await probe('http', garbage.port, { value: '/' })).ok, false)
    garbage.close()
    const upgrading = await rawServer((socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    )
    assert.equal((await probe('http', upgrading.port, { value: '/' })).ok, false)
    upgrading.close()
  })

  test('refuses settings that make no sense, and says what to write', () => {
    assert.match(refused({ path: 'healthz' }), /starts with .*\/.*write \/healthz/)
    assert.match(refused({ path: '/a\r\nx: y' }), /no blanks/)
    assert.match(refused({ path: '/', status: '299-200' }), /smaller one/)
    assert.match(refused({ path: '/', status: '600' }), /one code or a range/)
    assert.match(refused({ path: '/', host: 'a b' }), /no blanks/)
  })
})
