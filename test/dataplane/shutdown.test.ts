import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { openRaw } from '../support/raw-socket.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, client } = dataPlaneFixture()

describe('a listener that closes', () => {
  it('lets a request end that is under way, tells its client that the connection ends, and takes no new one', async () => {
    let answer: ServerResponse | undefined
    const upstream = await instance((_incoming, response) => void (answer = response))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('it is under way', () => answer)
    const closing = plane.listener.close(10_000)
    await until('nobody listens', () =>
      openRaw(plane.port).then(
        ({ socket }) => socket.destroy() && false,
        () => true,
      ),
    )
    answer?.end('at last')
    const text = await raw.closed
    assert.match(text, /^HTTP\/1\.1 200 [^]*connection: close[^]*at last/i)
    await closing
  })

  it('ends idle connections at once, and one that becomes idle', { timeout: 10_000 }, async () => {
    const parts: ServerResponse[] = []
    const upstream = await instance((incoming, response) => {
      if (incoming.url === '/slow') parts.push(response)
      else response.end('ok')
      if (incoming.url === '/slow') response.write('begin')
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const [idle, busy] = [await client(plane.port), await client(plane.port)]
    idle.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('the idle one has its answer', () => idle.received().includes('ok'))
    busy.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    // Its head has gone out and promised to keep the connection.
    await until('the busy one has a head', () => busy.received().includes('begin'))
    const closing = plane.listener.close(60_000)
    await idle.closed
    parts[0]?.end(' end')
    assert.match(await busy.closed, /begin[^]* end/)
    await closing
  })

  it('cuts what has not ended within the drain time', async () => {
    const upstream = await instance((_incoming, response) => void response.write('half'))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const answer = await request(plane.url)
    const text = assert.rejects(answer.body.text())
    await plane.listener.close(50)
    await text
    await until('nothing is under way', () => plane.inFlight() === 0)
  })
})

describe('the limits of a listener', () => {
  it('close a connection that is one too many, and take one again when there is room', async () => {
    const upstream = await instance()
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, limits: { connections: 2 } })
    const [first] = [await client(plane.port), await client(plane.port)]
    const third = await client(plane.port)
    assert.equal(await third.closed, '')
    first.socket.destroy()
    await until('there is room', async () => (await request(plane.url, { headers: { connection: 'close' } })).statusCode === 200)
  })

  it('end a kept connection that stays without a request', async () => {
    const upstream = await instance()
    // Node adds a second to what it tells the client.
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, limits: { keepAliveMs: 100 } })
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 200 /)
  })

  it('end a body that does not arrive within the request time with 408', async () => {
    const upstream = await instance((incoming) => void incoming.resume().on('error', () => {}))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, limits: { requestTimeoutMs: 200 } })
    const raw = await client(plane.port)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin')
    assert.match(await raw.closed, /^HTTP\/1\.1 408 [^]*request_timeout/)
    await until('nothing is under way', () => plane.inFlight() === 0 && plane.gateway.stats.inFlight === 0)
  })

  it('do not let a client keep a connection whose last answer it never reads', async () => {
    const upstream = await instance((_incoming, response) => response.end(Buffer.alloc(8_000_000)))
    const plane = await dataPlane({
      upstreams: { app: [upstream.port] },
      limits: { keepAliveMs: 100 },
      policy: { timeouts: { idleMs: 300 } },
    })
    const raw = await client(plane.port)
    raw.socket.pause()
    raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('it is cut', () => plane.access.length === 1)
    raw.socket.resume()
    await raw.closed
  })
})
