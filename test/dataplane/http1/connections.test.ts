import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

const { dataPlane, instance, rawInstance, client } = dataPlaneFixture()

const get = (path = '/', fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`

describe('requests sent ahead', () => {
  it('are answered in order, although the first takes longest, and reach the service one after the other', async () => {
    let underWay = 0
    const upstream = await instance((incoming, response) => {
      assert.equal(++underWay, 1)
      setTimeout(
        () => {
          underWay--
          response.end(`<${incoming.url}>`)
        },
        incoming.url === '/0' ? 50 : 1,
      )
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send(Array.from({ length: 20 }, (_, at) => get(`/${at}`)).join(''))
    await until('all answers', () => raw.received().includes('</19>'))
    assert.deepEqual(
      [...raw.received().matchAll(/<\/(\d+)>/g)].map(([, at]) => Number(at)),
      [...Array(20).keys()],
    )
  })

  it('get answers that leave in one write, where no service is asked', async () => {
    const plane = await dataPlane({ upstreams: { app: [] } })
    const raw = await client(plane.port)
    let pieces = 0
    raw.socket.on('data', () => pieces++)
    raw.send(get().repeat(20))
    await until('all answers', () => raw.received().split('HTTP/1.1 503').length === 21)
    assert.equal(pieces, 1)
  })

  it('are not taken in without bound while the first waits', async () => {
    const upstream = await instance(() => {})
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send(get('/first'))
    await until('it waits', () => upstream.hits === 1)
    // More than the kernel keeps by itself.
    const flood = Buffer.from(get('/next').repeat(20_000))
    for (let i = 0; i < 40; i++) raw.socket.write(flood)
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.ok(raw.socket.writableLength > 1_000_000, `${raw.socket.writableLength} bytes are still at the client`)
    assert.equal(upstream.hits, 1)
  })
})

/** A service that answers the first request of each connection and closes it when it gets a second one. */
function forgetful(seen: string[]) {
  return rawInstance((socket: Socket) => {
    let requests = 0
    socket.on('data', (chunk: Buffer) => {
      seen.push(chunk.toString('latin1').split(' ')[0] ?? '')
      if (requests++ > 0) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
}

describe('a connection to a service that has died while it was idle', () => {
  it('costs a request that can be repeated nothing, with no word against the service', async () => {
    const seen: string[] = []
    const upstream = await forgetful(seen)
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, policy: { retry: { attempts: 1 } } })
    for (let i = 0; i < 3; i++) assert.equal(await (await fetch(plane.url)).text(), 'ok')
    assert.deepEqual(plane.troubles, [])
    await until('all are logged', () => plane.access.length === 3)
    assert.deepEqual(
      plane.access.map(({ attempts }) => attempts),
      [1, 1, 1],
    )
  })

  it('is a 502 for a POST, which nobody sends twice', async () => {
    const seen: string[] = []
    const upstream = await forgetful(seen)
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    assert.equal((await fetch(plane.url)).status, 200)
    assert.equal((await fetch(plane.url, { method: 'POST', body: 'pay' })).status, 502)
    assert.deepEqual(seen, ['GET', 'POST'])
  })
})

describe('interim answers', () => {
  it('pass to a client of HTTP/1.1, and not to one of HTTP/1.0', async () => {
    const upstream = await instance((_incoming, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.end('ok')
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const [one, other] = [await client(plane.port), await client(plane.port)]
    one.send(get('/', 'Connection: close\r\n'))
    assert.match(await one.closed, /^HTTP\/1\.1 103 Early Hints\r\nlink: [^]*\r\n\r\nHTTP\/1\.1 200 OK\r\n/i)
    other.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    assert.match(await other.closed, /^HTTP\/1\.1 200 OK\r\n/)
  })

  it('of the gateway call for a body only where somebody will read it', async () => {
    const plane = await dataPlane({ upstreams: { app: [1] }, routes: [{ name: 'app', match: { path: '/app' }, to: { app: 1 } }] })
    const raw = await client(plane.port)
    raw.send('POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 404 /)
  })
})

describe('the time of a connection', () => {
  it('ends for a head that comes byte by byte', async () => {
    const plane = await dataPlane({ upstreams: { app: [1] }, limits: { headTimeoutMs: 150 } })
    const raw = await client(plane.port)
    const drip = setInterval(() => raw.send('X'), 20)
    raw.send('GET / HTTP/1.1\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 408 [^]*"request_timeout"/)
    clearInterval(drip)
  })

  it('ends without a word where nothing was sent, and after an answer where nothing more is', async () => {
    const upstream = await instance()
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, limits: { firstByteTimeoutMs: 100, keepAliveMs: 100 } })
    const [silent, idle] = [await client(plane.port), await client(plane.port)]
    idle.send(get())
    assert.equal(await silent.closed, '')
    assert.match(await idle.closed, /^HTTP\/1\.1 200 [^]*good(?:\r\n0\r\n\r\n)?$/)
  })

  it('ends for a body that takes longer than a request may', async () => {
    const upstream = await instance((incoming) => void incoming.resume().on('error', () => {}))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, limits: { requestTimeoutMs: 150 } })
    const raw = await client(plane.port)
    const drip = setInterval(() => raw.send('X'), 20)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 408 [^]*"request_timeout"/)
    clearInterval(drip)
    assert.deepEqual(plane.troubles, [])
  })

  it('ends for a body that comes at less than its rate, and not while the service does not read', async () => {
    const clock = new ManualClock()
    let incoming: IncomingMessage | undefined
    const upstream = await instance((request) => void (incoming = request.pause().on('error', () => {})))
    const limits = { bodyBytesPerSecond: 240 }
    const plane = await dataPlane({
      upstreams: { app: [upstream.port] },
      limits,
      clock,
      policy: { timeouts: { idleMs: 3_600_000 } },
    })
    const raw = await client(plane.port)
    let uploaded = 0
    const upload = async (bytes: number): Promise<void> => {
      raw.socket.write(Buffer.alloc(bytes))
      uploaded += bytes
      await until('the gateway has taken it', () => raw.socket.writableLength === 0)
    }
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n')
    await until('the service has it', () => incoming)
    // A service that does not read: its client waits for as long as that takes.
    await upload(20_000_000).catch(() => {})
    await clock.advance(600_000)
    let received = 0
    incoming?.on('data', (chunk: Buffer) => (received += chunk.length)).resume()
    await until('all has come', () => received === uploaded, 20_000)
    assert.equal(raw.received(), '')
    // 100 bytes in ten seconds: the minute of credit is gone after some more than that.
    for (let i = 0; i < 8 && !raw.socket.closed; i++) {
      const before = received
      raw.send('X'.repeat(100))
      await until('it has come, or the end', () => received > before || raw.received() !== '')
      await clock.advance(10_000)
    }
    assert.match(await raw.closed, /^HTTP\/1\.1 408 [^]*"request_timeout"/)
    assert.deepEqual(plane.troubles, [])
  })
})
