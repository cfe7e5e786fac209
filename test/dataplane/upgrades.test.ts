import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import { startEchoServer, type EchoServer } from '../support/echo-server.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, rawInstance, client, cleanUp } = dataPlaneFixture()

const warnings: string[] = []
process.on('warning', (warning) => void warnings.push(String(warning)))

const upgradeRequest =
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

async function echoServer(): Promise<EchoServer> {
  const server = await startEchoServer()
  cleanUp(() => server.close())
  return server
}

async function connected(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url)
  cleanUp(() => socket.terminate())
  socket.on('error', () => {})
  await Promise.race([
    once(socket, 'open'),
    once(socket, 'unexpected-response').then(() => assert.fail('the upgrade was refused')),
    once(socket, 'close').then(() => assert.fail('the connection was closed')),
  ])
  return socket
}

async function answerTo(socket: WebSocket, message: string | Buffer): Promise<string> {
  const answered = once(socket, 'message')
  socket.send(message)
  return String((await answered)[0])
}

function wsUrl(port: number, path = '/chat'): string {
  return `ws://127.0.0.1:${port}${path}`
}

describe('a WebSocket', () => {
  it('passes messages both ways, large ones and many', async () => {
    const echo = await echoServer()
    const plane = await dataPlane({ upstreams: { app: [echo.port] } })
    const socket = await connected(wsUrl(plane.port))
    assert.equal(await answerTo(socket, 'hello'), 'hello')
    const large = 'x'.repeat(3_000_000)
    assert.equal((await answerTo(socket, large)).length, large.length)
    for (let i = 0; i < 50; i++) assert.equal(await answerTo(socket, `message ${i}`), `message ${i}`)
    const closed = once(socket, 'close')
    socket.close(4001, 'enough')
    assert.equal((await closed)[0], 4001)
    await until('it is counted once, as 101', () => plane.access.length === 1 && plane.access[0]?.status === 101)
    assert.equal(plane.access[0]?.code, null)
    assert.equal(plane.inFlight() + plane.gateway.stats.inFlight, 0)
  })

  it('reaches the upstream with its path and query unchanged, its own fields and the forwarding fields', async () => {
    const echo = await echoServer()
    const plane = await dataPlane({ upstreams: { app: [echo.port] } })
    const socket = new WebSocket(wsUrl(plane.port, '/a//b/?q=http://x//y&z=1'), {
      headers: { Constructor: 'c', 'X-Forwarded-For': '6.6.6.6', Cookie: 'id=1' },
    })
    cleanUp(() => socket.terminate())
    await once(socket, 'open')
    const [request] = echo.requests
    assert.equal(request?.url, '/a//b/?q=http://x//y&z=1')
    assert.equal(String(request?.headers['constructor']), 'c')
    assert.equal(request?.headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(request?.headers.cookie, 'id=1')
    assert.equal(request?.headers.host, `127.0.0.1:${plane.port}`)
  })

  it('keeps what the client sends right behind its request', async () => {
    const upstream = await rawInstance((socket) => {
      let seen = ''
      socket.on('data', (chunk: Buffer) => {
        seen += chunk.toString('latin1')
        if (seen.endsWith('\r\n\r\nearly')) {
          socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nlate')
        } else if (seen.endsWith('\r\n\r\n')) {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        } else if (seen.endsWith('early')) socket.end('late')
      })
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send(`${upgradeRequest}early`)
    assert.match(await raw.closed, /^HTTP\/1\.1 101 [^]*late$/)
  })

  it('goes to another endpoint when one cannot be reached, or breaks before it has answered', async () => {
    const [dead = 0] = await freePorts(1)
    const broken = await rawInstance((socket) => void socket.once('data', () => socket.resetAndDestroy()))
    const echo = await echoServer()
    const plane = await dataPlane({ upstreams: { app: [dead, broken.port, echo.port] }, policy: { retry: { attempts: 3 } } })
    for (let i = 0; i < 3; i++) {
      const socket = await connected(wsUrl(plane.port))
      assert.equal(await answerTo(socket, 'hello'), 'hello')
    }
    assert.ok(plane.troubles.includes(`app 127.0.0.1:${dead}`))
  })

  it('is refused with 502 and a code when no endpoint can be reached', async () => {
    const [dead = 0] = await freePorts(1)
    const plane = await dataPlane({ upstreams: { app: [dead] } })
    const raw = await client(plane.port)
    raw.send(upgradeRequest)
    const text = await raw.closed
    assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n/)
    assert.equal(errorCodeOf(text.slice(text.indexOf('\r\n\r\n'))), 'upstream_connect_failed')
    assert.ok(!text.includes(String(dead)))
  })

  it('is refused with 404 on a route that is not there', async () => {
    const plane = await dataPlane({
      upstreams: { app: [1] },
      routes: [{ name: 'app', match: { path: '/app' }, to: { app: 1 } }],
    })
    const raw = await client(plane.port)
    raw.send(upgradeRequest)
    const text = await raw.closed
    assert.match(text, /^HTTP\/1\.1 404 /)
    assert.equal(errorCodeOf(text.slice(text.indexOf('\r\n\r\n'))), 'no_route')
  })
})

describe('an upstream that refuses an upgrade', () => {
  for (const framing of ['chunked', 'a length'] as const) {
    it(`has its answer arrive whole and well framed: ${framing}`, async () => {
      const upstream = await instance((_incoming, response) => {
        response.writeHead(403, { 'content-type': 'text/plain', ...(framing === 'chunked' ? {} : { 'content-length': 11 }) })
        response.write('not for')
        response.end(' you')
      })
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const raw = await client(plane.port)
      raw.send(upgradeRequest)
      const text = await raw.closed
      assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\n/)
      assert.doesNotMatch(text, /transfer-encoding/i)
      assert.match(text, /connection: close\r\n/i)
      assert.ok(text.endsWith('\r\n\r\nnot for you'), text)
      await until('nothing is under way', () => plane.inFlight() + plane.gateway.stats.inFlight === 0)
      assert.equal(plane.access[0]?.status, 403)
    })
  }

  it('and then breaks off has the client see a reset, not an end', async () => {
    const upstream = await rawInstance((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      })
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    let reset: NodeJS.ErrnoException | undefined
    raw.socket.on('error', (error) => void (reset = error))
    raw.send(upgradeRequest)
    await until('half has come', () => raw.received().endsWith('half'))
    await upstream.kill()
    await raw.closed
    assert.equal(reset?.code, 'ECONNRESET')
    await until('nothing is under way', () => plane.inFlight() + plane.gateway.stats.inFlight === 0)
  })
})

describe('the end of a tunnel', () => {
  it('reaches the upstream when the client resets, and the client when the upstream resets', async () => {
    const echo = await echoServer()
    const plane = await dataPlane({ upstreams: { app: [echo.port] } })
    const first = await connected(wsUrl(plane.port))
    rawSocketOf(first).resetAndDestroy()
    await until('the upstream has no socket', () => echo.sockets.size === 0)

    const second = await connected(wsUrl(plane.port))
    const closed = once(second, 'close')
    for (const socket of echo.sockets) rawSocketOf(socket).resetAndDestroy()
    assert.equal((await closed)[0], 1006)
    await until('nothing is under way', () => plane.inFlight() + plane.gateway.stats.inFlight === 0)
  })

  it('comes when nothing has passed for the idle time, on both sides', async () => {
    const echo = await echoServer()
    const plane = await dataPlane({ upstreams: { app: [echo.port] }, policy: { timeouts: { idleMs: 150 } } })
    const socket = await connected(wsUrl(plane.port))
    // Traffic holds it open for longer than the idle time.
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      await answerTo(socket, 'still here')
    }
    assert.equal(socket.readyState, WebSocket.OPEN)
    await once(socket, 'close')
    await until('the upstream has no socket', () => echo.sockets.size === 0)
    await until('nothing is under way', () => plane.inFlight() + plane.gateway.stats.inFlight === 0)
  })

  it('is put off by pings alone, and by what the upstream alone sends', async () => {
    const echo = await echoServer()
    const plane = await dataPlane({ upstreams: { app: [echo.port] }, policy: { timeouts: { idleMs: 1_000 } } })
    const [pinging, listening] = [await connected(wsUrl(plane.port)), await connected(wsUrl(plane.port))]
    const [, speaker] = [...echo.sockets]
    let [pongs, news] = [0, 0]
    pinging.on('pong', () => pongs++)
    listening.on('message', () => news++)
    for (let i = 0; i < 6; i++) {
      await new Promise((resolve) => setTimeout(resolve, 250))
      pinging.ping()
      speaker?.send('news')
    }
    await until('all has come', () => pongs === 6 && news === 6)
    assert.deepEqual([pinging.readyState, listening.readyState], [WebSocket.OPEN, WebSocket.OPEN])
  })

  it('does not come when its endpoint leaves the members', async () => {
    const [echo, other] = [await echoServer(), await echoServer()]
    const plane = await dataPlane({ upstreams: { app: [echo.port] } })
    const socket = await connected(wsUrl(plane.port))
    plane.setPorts('app', [other.port])
    assert.equal(await answerTo(socket, 'hello'), 'hello')
    await connected(wsUrl(plane.port))
    assert.equal(other.requests.length, 1)
  })

  it('comes with the drain of the listener', async () => {
    const echo = await echoServer()
    const plane = await dataPlane({ upstreams: { app: [echo.port] } })
    const socket = await connected(wsUrl(plane.port))
    const closing = plane.listener.close(300)
    assert.equal(await answerTo(socket, 'hello'), 'hello')
    await once(socket, 'close')
    await closing
  })
})

describe('an upgrade that is not WebSocket', () => {
  it('goes on as the request that it also is', async () => {
    const seen: IncomingMessage[] = []
    const upstream = await instance((incoming, response) => {
      seen.push(incoming)
      incoming.resume().on('end', () => response.end('plain'))
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const fields = ['Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n', 'Upgrade: websocket\r\nContent-Length: 3\r\n']
    for (const [at, field] of fields.entries()) {
      const raw = await client(plane.port)
      raw.send(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n${field}\r\n${at === 1 ? 'abc' : ''}`)
      assert.match(await raw.closed, /^HTTP\/1\.1 200 OK[^]*plain/)
      assert.equal(seen[at]?.headers.upgrade, undefined)
      assert.equal(seen[at]?.headers['http2-settings'], undefined)
    }
  })
})

describe('what http-proxy does inside', () => {
  // Runs after the others.
  it('has made Node print no warning', () => {
    assert.deepEqual(warnings, [])
  })
})

function rawSocketOf(socket: WebSocket): Socket {
  return (socket as unknown as { _socket: Socket })._socket
}
