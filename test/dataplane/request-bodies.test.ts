import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, client } = dataPlaneFixture()

describe('a request in pieces', () => {
  it('reaches the upstream chunked, without its trailers', async () => {
    let seen: { encoding: string | undefined; body: string; trailers: unknown } | undefined
    const upstream = await instance((incoming, response) => {
      void incoming.toArray().then((chunks) => {
        seen = {
          encoding: incoming.headers['transfer-encoding'],
          body: Buffer.concat(chunks as Buffer[]).toString(),
          trailers: incoming.trailers,
        }
        response.end()
      })
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n')
    raw.send('3\r\nabc\r\n')
    raw.send('3\r\ndef\r\n0\r\nX-Sum: 6\r\n\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 200 /)
    assert.deepEqual(
      { ...seen, trailers: { ...(seen?.trailers as object) } },
      { encoding: 'chunked', body: 'abcdef', trailers: {} },
    )
  })

  it('is called for with 100 Continue by the gateway', async () => {
    const upstream = await instance((incoming, response) => {
      assert.equal(incoming.headers.expect, undefined)
      incoming.on('data', (chunk) => response.end(chunk))
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send('PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
    await until('the gateway says go on', () => raw.received() === 'HTTP/1.1 100 Continue\r\n\r\n')
    raw.send('hello')
    assert.match(await raw.closed, /HTTP\/1\.1 200 OK[^]*\r\n\r\nhello$/)
  })

  it('may be answered before its end, and the client gets that answer although it sends on', async () => {
    const upstream = await instance((incoming, response) => {
      incoming.once('data', () => {
        response.writeHead(413, { connection: 'close' })
        response.end('too much')
      })
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n')
    const piece = Buffer.alloc(1024 * 1024, 'p')
    for (let i = 0; i < 10; i++) raw.send(piece)
    const text = await raw.closed
    assert.match(text, /^HTTP\/1\.1 413 /)
    assert.match(text, /too much/)
    await until('nothing is under way', () => plane.inFlight() === 0)
  })
})

describe('bodies of many clients at once', () => {
  it('reach services that read slowly without a changed octet, whatever memory is used again meanwhile', async () => {
    const upstream = await instance((incoming, response) => {
      void digestOf(incoming).then((digest) => response.end(digest))
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    await Promise.all(
      Array.from({ length: 12 }, async (_, turn) => {
        const body = randomBytes(3_000_000 + turn)
        const answer = await fetch(plane.url, { method: 'POST', body })
        assert.equal(await answer.text(), createHash('sha1').update(body).digest('hex'))
      }),
    )
  })
})

/** Reads it with pauses. */
async function digestOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha1')
  let pieces = 0
  for await (const piece of stream) {
    hash.update(piece)
    if (++pieces % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return hash.digest('hex')
}
