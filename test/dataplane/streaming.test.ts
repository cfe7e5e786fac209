import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, Agent, request as nodeRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, rawInstance, client } = dataPlaneFixture()

const MIB = 1024 * 1024
/** What may lie in buffers of the gateway and, by far the most of it, of the kernel on both sides: these grow as it sees fit. */
const IN_BUFFERS_BYTES = 24 * MIB

/** An endless body that counts what has been taken of it. */
function counted(totalBytes: number): { readonly stream: Readable; taken: () => number } {
  const chunk = Buffer.alloc(64 * 1024, 'z')
  let taken = 0
  const stream = new Readable({
    read() {
      const isOver = taken >= totalBytes
      if (!isOver) taken += chunk.length
      this.push(isOver ? null : chunk)
    },
  })
  return { stream, taken: () => taken }
}

/** Resolves when the number has stayed the same for a while. */
async function untilStill(what: string, value: () => number): Promise<number> {
  let [last, since] = [value(), performance.now()]
  await until(`${what} stands still`, () => {
    const now = value()
    if (now !== last) [last, since] = [now, performance.now()]
    return performance.now() - since > 300
  })
  return last
}

describe('backpressure', () => {
  it('pauses an upstream whose client reads slowly', async () => {
    const body = counted(200 * MIB)
    const upstream = await instance((_incoming, response) => {
      void pipeline(body.stream, response).catch(() => {})
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const slow = get(plane.url)
    const [answer] = (await once(slow, 'response')) as [IncomingMessage]
    answer.pause()
    const taken = await untilStill('the upstream', body.taken)
    assert.ok(taken < IN_BUFFERS_BYTES, `${taken} bytes were taken for a client that reads nothing`)
    answer.resume()
    await until('it goes on', () => body.taken() > taken + 20 * MIB)
    slow.destroy()
  })

  it('pauses a client whose upstream reads slowly', async () => {
    let incoming: IncomingMessage | undefined
    const upstream = await instance((request) => void (incoming = request.pause()))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const body = counted(200 * MIB)
    const upload = nodeRequest(plane.url, { method: 'POST' })
    upload.on('error', () => {})
    void pipeline(body.stream, upload).catch(() => {})
    await until('the upstream has the request', () => incoming)
    const taken = await untilStill('the client', body.taken)
    assert.ok(taken < IN_BUFFERS_BYTES, `${taken} bytes were taken for an upstream that reads nothing`)
    incoming?.resume()
    await until('it goes on', () => body.taken() > taken + 20 * MIB)
    upload.destroy()
  })

  it('keeps the memory of the process bounded while 64 MiB pass each way', async () => {
    const upstream = await instance((incoming, response) => void incoming.pipe(response))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const before = process.memoryUsage().rss
    let [received, peak] = [0, 0]
    const answer = await request(plane.url, { method: 'POST', body: counted(64 * MIB).stream })
    for await (const chunk of answer.body) {
      received += (chunk as Buffer).length
      peak = Math.max(peak, process.memoryUsage.rss())
    }
    assert.equal(received, 64 * MIB)
    // Client, gateway and upstream share this process, and its garbage is collected late.
    assert.ok(peak - before < 200 * MIB, `the process grew by ${Math.round((peak - before) / MIB)} MiB`)
  })
})

describe('an answer in pieces', () => {
  it('arrives piece by piece, as a stream of events needs it', async () => {
    let stream: ServerResponse | undefined
    const upstream = await instance((_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      stream = response
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    // The head comes before there is an event.
    const answer = await request(plane.url)
    assert.equal(answer.headers['content-type'], 'text/event-stream')
    const events = answer.body[Symbol.asyncIterator]()
    stream?.write('data: one\n\n')
    assert.equal(String((await events.next()).value), 'data: one\n\n')
    stream?.write('data: two\n\n')
    assert.equal(String((await events.next()).value), 'data: two\n\n')
    answer.body.destroy()
  })

  it('stays chunked where the upstream sends it chunked, and trailers are dropped', async () => {
    const upstream = await rawInstance((socket) => {
      socket.once('data', () =>
        socket.write(
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n',
        ),
      )
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const text = await raw.closed
    assert.match(text, /transfer-encoding: chunked/i)
    assert.doesNotMatch(text, /x-sum|trailer/i)
    assert.match(text, /\r\n\r\n(?:3\r\nabc\r\n2\r\nde|5\r\nabcde)\r\n0\r\n\r\n$/)
  })

  it('is cut when it breaks off, with and without a length', async () => {
    for (const head of ['Content-Length: 10\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n']) {
      const upstream = await rawInstance((socket) => void socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}`)))
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const answer = await request(plane.url)
      assert.equal(answer.statusCode, 200)
      await assert.rejects(answer.body.text())
      await until('nothing is under way', () => plane.inFlight() === 0 && plane.gateway.stats.inFlight === 0)
    }
  })

  it('is ended by a reset for an HTTP/1.0 client, which takes a plain close for its end', async () => {
    const upstream = await rawInstance((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'))
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    let reset: NodeJS.ErrnoException | undefined
    raw.socket.on('error', (error) => void (reset = error))
    raw.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    await until('half has arrived', () => raw.received().endsWith('half'))
    await upstream.kill()
    await raw.closed
    assert.equal(reset?.code, 'ECONNRESET')
  })
})

describe('an answer without body', () => {
  it('keeps its framing: HEAD, 204 and 304', async () => {
    const upstream = await instance((incoming, response) => {
      if (incoming.url === '/204') response.writeHead(204)
      else if (incoming.url === '/304') response.writeHead(304, { etag: '"v1"', 'content-length': '1234' })
      else response.writeHead(200, { 'content-length': '1234' })
      response.end()
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = async (method: string, path: string): Promise<IncomingMessage> => {
      const [answer] = (await once(nodeRequest(plane.url + path, { method, agent }).end(), 'response')) as [IncomingMessage]
      assert.equal((await answer.toArray()).length, 0)
      return answer
    }
    assert.equal((await ask('HEAD', '/')).headers['content-length'], '1234')
    const empty = await ask('GET', '/204')
    assert.equal(empty.statusCode, 204)
    assert.equal(empty.headers['transfer-encoding'], undefined)
    const unchanged = await ask('GET', '/304')
    assert.deepEqual([unchanged.statusCode, unchanged.headers.etag], [304, '"v1"'])
    agent.destroy()
  })
})
