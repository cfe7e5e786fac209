import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import { startFullEndpoint } from '../support/full-endpoint.ts'
import type { Answer } from '../support/instance.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, rawInstance, client, cleanUp } = dataPlaneFixture()

const silent: Answer = () => {}

/** The status and the error code of our reply; takes its connection's text. */
function refusalOf(text: string): readonly [number, unknown] {
  const body = text.slice(text.indexOf('\r\n\r\n') + 4)
  return [Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), errorCodeOf(body)]
}

async function fullEndpoint(): Promise<number> {
  const endpoint = await startFullEndpoint()
  cleanUp(() => endpoint.close())
  return endpoint.port
}

describe('the connect timeout', () => {
  it('passes an endpoint over that does not accept, for any method', async () => {
    const [full, good] = [await fullEndpoint(), await instance()]
    const plane = await dataPlane({ upstreams: { app: [full, good.port] }, policy: { timeouts: { connectMs: 100 } } })
    for (let i = 0; i < 2; i++) {
      const answer = await request(plane.url, { method: 'POST', body: 'once' })
      assert.equal(await answer.body.text(), 'good')
    }
    assert.equal(good.hits, 2)
    assert.ok(plane.troubles.includes(`app 127.0.0.1:${full}`))
  })

  it('ends in 504 where there is no other endpoint, and leaves no connection attempt counted', async () => {
    const full = await fullEndpoint()
    const plane = await dataPlane({ upstreams: { app: [full] }, policy: { timeouts: { connectMs: 100 } } })
    const answer = await request(plane.url)
    assert.equal(answer.statusCode, 504)
    assert.equal(errorCodeOf(await answer.body.text()), 'upstream_connect_timeout')
    assert.equal(plane.inFlight(), 0)
  })
})

describe('the response timeout', () => {
  it('ends the wait for an answer with 504, is not retried, and blames the endpoint', async () => {
    const clock = new ManualClock()
    const upstream = await instance(silent)
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, clock })
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await until('the upstream has it', () => upstream.hits === 1)
    await clock.advance(14_900)
    assert.equal(raw.received(), '')
    await clock.advance(200)
    assert.deepEqual(refusalOf(await raw.closed), [504, 'upstream_timeout'])
    assert.equal(upstream.hits, 1)
    assert.deepEqual(plane.troubles, [`app 127.0.0.1:${upstream.port}`])
    assert.equal(plane.inFlight(), 0)
  })

  it('does not run while an upload progresses, and runs from its end', async () => {
    const clock = new ManualClock()
    let received = 0
    const upstream = await instance((incoming) => void incoming.on('data', (chunk: Buffer) => (received += chunk.length)))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, clock })
    const raw = await client(plane.port)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 50\r\n\r\n')
    for (let sent = 10; sent <= 50; sent += 10) {
      raw.send('0123456789')
      await until(`${sent} bytes are up`, () => received === sent)
      await clock.advance(14_000)
    }
    assert.equal(raw.received(), '')
    await clock.advance(1_100)
    assert.deepEqual(refusalOf(await raw.closed), [504, 'upstream_timeout'])
  })

  it('is not counted against the time that a slow client takes for a short body', async () => {
    const clock = new ManualClock()
    const upstream = await instance((incoming, response) => void incoming.pipe(response))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, clock })
    const raw = await client(plane.port)
    raw.send('PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n')
    await until('it is under way', () => plane.gateway.stats.inFlight === 1)
    for (const letter of 'slow') {
      await clock.advance(40_000)
      raw.send(letter)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.match(await raw.closed, /^HTTP\/1\.1 200 [^]*slow/)
  })
})

describe('the idle timeout', () => {
  it('cuts an answer that has stopped half way', async () => {
    const clock = new ManualClock()
    const upstream = await instance((_incoming, response) => void response.write('half'))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, clock })
    const answer = await request(plane.url)
    const cut = assert.rejects(answer.body.text())
    await clock.advance(59_000)
    assert.equal(plane.inFlight(), 1)
    await clock.advance(1_100)
    await cut
    await until('it is logged', () => plane.access[0]?.code === 'upstream_timeout')
    assert.equal(plane.troubles.length, 1)
  })

  it('cuts an answer that the client does not read, without a word against the endpoint', async () => {
    const clock = new ManualClock()
    const piece = Buffer.alloc(256 * 1024)
    const upstream = await instance((_incoming, response) => {
      const more = (): void => {
        while (response.write(piece));
      }
      response.on('drain', more)
      more()
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, clock })
    const raw = await client(plane.port)
    raw.socket.pause()
    raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('the upstream has it', () => upstream.hits === 1)
    await until('it is cut', async () => {
      await clock.advance(10_000)
      return plane.access[0]?.code === 'client_stalled'
    })
    assert.deepEqual(plane.troubles, [])
    assert.equal(plane.inFlight(), 0)
  })

  it('answers 408 to a client that stops in the middle of an upload, without a word against the endpoint', async () => {
    for (const [method, length] of [
      ['POST', 100_000],
      ['PUT', 10],
    ] as const) {
      const clock = new ManualClock()
      const upstream = await instance((incoming) => void incoming.resume().on('error', () => {}))
      const plane = await dataPlane({ upstreams: { app: [upstream.port] }, clock })
      const raw = await client(plane.port)
      raw.send(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nbegin`)
      await until('it is under way', () => plane.gateway.stats.inFlight === 1 && (method === 'PUT' || upstream.hits === 1))
      await clock.advance(60_100)
      assert.deepEqual(refusalOf(await raw.closed), [408, 'request_timeout'])
      assert.deepEqual(plane.troubles, [])
    }
  })

  it('answers 504 when an upstream does not read the upload, and blames the endpoint', async () => {
    const clock = new ManualClock()
    let incoming: IncomingMessage | undefined
    const upstream = await instance((message) => void (incoming = message.pause().on('error', () => {})))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, clock })
    const raw = await client(plane.port)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n')
    raw.send(Buffer.alloc(40_000_000))
    await until('the upstream has it', () => incoming)
    await until('the gateway gives up', async () => {
      await clock.advance(10_000)
      return raw.received() !== ''
    })
    raw.socket.destroy()
    assert.match(raw.received(), /^HTTP\/1\.1 504 [^]*upstream_timeout/)
    assert.equal(plane.troubles.length, 1)
  })
})

describe('a connection that is not free', () => {
  it('is waited for by as many as may wait; the next one gets 503 at once', async () => {
    const upstream = await instance(silent)
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, policy: { maxConnections: 2, maxQueued: 1 } })
    for (let i = 0; i < 3; i++) (await client(plane.port)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('two are there and one waits', () => plane.inFlight() === 3 && upstream.hits === 2)
    const answer = await request(plane.url)
    assert.equal(answer.statusCode, 503)
    assert.equal(errorCodeOf(await answer.body.text()), 'upstream_overloaded')
    assert.deepEqual(plane.troubles, [])
  })

  it('sends the next one to another endpoint that has room', async () => {
    const [busy, free] = [await instance(silent), await instance()]
    const plane = await dataPlane({ upstreams: { app: [busy.port] }, policy: { maxConnections: 1, maxQueued: 0 } })
    ;(await client(plane.port)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('the endpoint is busy', () => busy.hits === 1)
    plane.setPorts('app', [busy.port, free.port])
    for (let i = 0; i < 3; i++) assert.equal(await (await request(plane.url, { method: 'POST' })).body.text(), 'good')
  })

  it('is waited for no longer than for an answer', async () => {
    const clock = new ManualClock()
    const sockets = new Set<Socket>()
    const upstream = await rawInstance((socket) => void sockets.add(socket.resume()))
    const plane = await dataPlane({
      upstreams: { app: [upstream.port] },
      policy: { maxConnections: 1, timeouts: { responseMs: 5_000, idleMs: 600_000 } },
      clock,
    })
    // An upload that goes on and on holds the only connection.
    const holder = await client(plane.port)
    holder.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegin')
    await until('the endpoint is busy', () => sockets.size === 1)
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await until('one waits', () => plane.inFlight() === 2)
    await clock.advance(5_200)
    assert.deepEqual(refusalOf(await raw.closed), [503, 'upstream_overloaded'])
  })
})

describe('deadlines', () => {
  it('leave no timer behind when all is answered', async () => {
    const clock = new ManualClock()
    const upstream = await instance()
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, clock })
    await Promise.all(
      Array.from({ length: 20 }, async () => (await request(plane.url, { method: 'POST', body: 'x' })).body.text()),
    )
    await until('all are counted', () => plane.gateway.stats.inFlight === 0)
    await clock.advance(100)
    assert.equal(clock.pending, 0)
  })
})
