import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { ProxyAgent, fetch } from 'undici'
import { WebSocket } from 'ws'
import { instance as registered } from '../../controlplane/control-plane.ts'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { startEchoServer, type EchoServer } from '../../support/echo-server.ts'
import { startMeshPlane, type TestMeshPlane } from '../../support/mesh-plane.ts'
import { until } from '../../support/until.ts'

const { dataPlane, instance, rawInstance, client, cleanUp } = dataPlaneFixture()

let mesh: TestMeshPlane
beforeEach(async () => {
  mesh = await startMeshPlane('defaults: { timeouts: { connect: 1s } }')
  mesh.registry.listServices(['app'])
})
afterEach(() => mesh.close())

/** Registers instances on these ports and waits until `eligible` of them pass. */
async function register(ports: readonly number[], eligible = ports.length): Promise<void> {
  void mesh.plane.upstreams.demand(mesh.plane.reconciler.hot.defaultUpstream('app'))
  mesh.registry.list(
    'app',
    ports.map((port) => registered('app', port)),
  )
  await until('they pass', () => mesh.plane.upstreams.find('app')?.upstream.members.eligible.length === eligible)
}

async function echoServer(): Promise<EchoServer> {
  const server = await startEchoServer()
  cleanUp(() => server.close())
  return server
}

async function answerTo(socket: WebSocket, message: string): Promise<string> {
  const answered = once(socket, 'message')
  socket.send(message)
  return String((await answered)[0])
}

/** Asks for a tunnel and gives the connection after the answer's head. */
async function tunnelTo(authority: string): Promise<Socket> {
  const socket = connect(mesh.port, '127.0.0.1')
  cleanUp(() => void socket.destroy())
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  assert.equal(head.toString(), agreed)
  return socket
}

const agreed = 'HTTP/1.1 200 Connection Established\r\n\r\n'
const underWay = (): number => mesh.plane.gateway.stats.inFlight

describe('a WebSocket to a service by name', () => {
  it('passes with an absolute target', async () => {
    const echo = await echoServer()
    await register([echo.port])
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    const raw = await client(mesh.port)
    raw.send(
      `GET http://app.service/chat HTTP/1.1\r\nHost: app.service\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`,
    )
    await until('it is agreed to', () => raw.received().startsWith('HTTP/1.1 101 '))
    // "hi", masked with zeros; the answer is not masked.
    raw.send(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
    await until('the echo has come', () => raw.received().endsWith('\x81\x02hi'))
    assert.equal(echo.requests[0]?.url, '/chat')
  })

  it('passes with the name in Host', async () => {
    const echo = await echoServer()
    await register([echo.port])
    const socket = new WebSocket(`ws://127.0.0.1:${mesh.port}/chat`, { headers: { host: 'app' } })
    cleanUp(() => socket.terminate())
    await once(socket, 'open')
    assert.equal(await answerTo(socket, 'hello'), 'hello')
  })

  it('passes through CONNECT', async () => {
    const echo = await echoServer()
    await register([echo.port])
    const tunnel = await tunnelTo('app:80')
    const socket = new WebSocket('ws://app/chat', { createConnection: () => tunnel })
    cleanUp(() => socket.terminate())
    await once(socket, 'open')
    const large = 'x'.repeat(1_000_000)
    assert.equal((await answerTo(socket, large)).length, large.length)
    socket.close()
    await until('nothing is under way', () => underWay() === 0)
    assert.equal(echo.requests[0]?.headers.via, undefined, 'what passes a tunnel is not touched')
  })
})

describe('CONNECT', () => {
  it('serves a client that tunnels all it does', async () => {
    const app = await instance((_request, response) => response.end('through a tunnel'))
    await register([app.port])
    const agent = new ProxyAgent({ uri: mesh.url, proxyTunnel: true })
    cleanUp(() => agent.close())
    assert.equal(await (await fetch('http://app.service/', { dispatcher: agent })).text(), 'through a tunnel')
  })

  it('reaches the instance that has registered the port, of several', async () => {
    const [one, other] = [await rawInstance((socket) => socket.end('one')), await rawInstance((socket) => socket.end('other'))]
    await register([one.port, other.port])
    for (let i = 0; i < 3; i++) {
      assert.equal(await answerOf(`app:${other.port}`), `${agreed}other`)
    }
  })

  it('goes to another instance when one cannot be reached, and is 502 when none can', async () => {
    const good = await rawInstance((socket) => socket.end('good'))
    const dying = await rawInstance(() => {})
    await register([dying.port, good.port])
    await dying.kill()
    for (let i = 0; i < 2; i++) assert.equal(await answerOf('app:80'), `${agreed}good`)
    await good.kill()
    const text = await answerOf('app:80')
    assert.match(text, /^HTTP\/1\.1 50[23] /)
    assert.ok(!text.includes(String(good.port)))
    assert.match(String(errorCodeOf(text.slice(text.indexOf('\r\n\r\n')))), /^(upstream_connect_failed|no_healthy_instance)$/)
    await until('nothing is under way', () => underWay() === 0)
  })

  it('passes on what is sent right behind it, each side’s end, and a half-closed client gets its answer', async () => {
    const app = await rawInstance((socket) => {
      let seen = ''
      socket.on('data', (chunk: Buffer) => void (seen += chunk.toString()))
      socket.on('end', () => socket.end(`got ${seen}`))
    })
    await register([app.port])
    const socket = connect({ port: mesh.port, host: '127.0.0.1', allowHalfOpen: true })
    cleanUp(() => void socket.destroy())
    let text = ''
    socket.on('data', (chunk: Buffer) => void (text += chunk.toString()))
    socket.write('CONNECT app:80 HTTP/1.0\r\n\r\nearly')
    await until('it is agreed to', () => text === agreed)
    socket.end(' and late')
    await once(socket, 'end')
    assert.equal(text, `${agreed}got early and late`)
    await until('nothing is under way', () => underWay() === 0)
  })

  it('ends on both sides when either resets', async () => {
    const sockets: Socket[] = []
    const app = await rawInstance((socket) => void sockets.push(socket.on('error', () => {})))
    await register([app.port])
    const before = sockets.length
    const first = await tunnelTo('app:80')
    await until('the instance has it', () => sockets.length === before + 1)
    const ended = once(sockets.at(-1) as Socket, 'close')
    first.resetAndDestroy()
    await ended
    const second = await tunnelTo('app:80')
    second.on('error', () => {})
    await until('the instance has it', () => sockets.length === before + 2)
    sockets.at(-1)?.resetAndDestroy()
    await once(second, 'close')
    await until('nothing is under way', () => underWay() === 0)
  })

  it('is left alone by a client that leaves while its instance is dialled or looked up', async () => {
    const raw = await client(mesh.port)
    raw.send('CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\n')
    await until('it waits for the first lookup', () => mesh.registry.watched.includes('app'))
    raw.socket.destroy()
    mesh.registry.list('app', [])
    await until('nothing is under way', () => underWay() === 0)
  })

  it('is not served by a front listener', async () => {
    const raw = await client((await dataPlane({ upstreams: { app: [1] } })).port)
    raw.send('CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 501 /)
  })
})

/** Everything that comes after a CONNECT. */
async function answerOf(authority: string): Promise<string> {
  const raw = await client(mesh.port)
  raw.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
  return raw.closed
}
