import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { request } from 'undici'
import type { ResponseHead } from '../../../src/dataplane/exchange.ts'
import { preferredCoding } from '../../../src/dataplane/http/accept-encoding.ts'
import { fieldOf } from '../../../src/http1/field.ts'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { filterOf, KeptDownstream } from '../../support/filter.ts'
import type { Answer } from '../../support/instance.ts'
import { requestHead } from '../../support/request-head.ts'
import { until } from '../../support/until.ts'

const fixture = dataPlaneFixture()
const text = 'a line that comes again and again\n'.repeat(2000)
const decoders = { zstd: zstdDecompressSync, br: brotliDecompressSync, gzip: gunzipSync } as const

function answering(body: string | Buffer, fields: Record<string, string | number> = {}, status = 200): Answer {
  return (_incoming, response) => {
    response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body), ...fields })
    response.end(body)
  }
}

/** The head that a client gets of an answer with this head. */
function headFor(
  head: Partial<ResponseHead>,
  { method = 'GET', accept = 'gzip', fields = [] as string[] } = {},
  options: object = {},
) {
  const client = new KeptDownstream()
  const asked = requestHead({ method, headers: ['Accept-Encoding', accept, ...fields] })
  const decorated = filterOf('compress', options).onResponseBody?.(client, asked)
  decorated?.head({ status: 200, headers: ['Content-Type', 'text/plain', 'Content-Length', '5000'], ...head })
  decorated?.destroy()
  return client.headers
}

const codingOf = (...args: Parameters<typeof headFor>) => fieldOf(headFor(...args), 'content-encoding')

describe('a compressed answer', () => {
  for (const coding of ['zstd', 'br', 'gzip'] as const) {
    it(`is the same in ${coding}, and the log tells its length`, async () => {
      const plane = await filteredPlane(fixture, [filterOf('compress', {})], {
        answer: answering(text, { etag: '"v1"', vary: 'Cookie' }),
      })
      const { headers, body } = await request(plane.url, { headers: { 'accept-encoding': coding } })
      const bytes = Buffer.from(await body.arrayBuffer())
      assert.equal(headers['content-encoding'], coding)
      assert.equal(headers['vary'], 'Cookie, Accept-Encoding')
      assert.equal(headers['etag'], 'W/"v1"')
      assert.equal(headers['content-length'], undefined)
      assert.ok(bytes.length < text.length / 10)
      assert.equal(decoders[coding](bytes).toString(), text)
      await until('it is logged', () => plane.access.length === 1)
      assert.equal(plane.access[0]?.bytes, bytes.length)
    })
  }

  it('is also one of the gateway itself', async () => {
    const plane = await filteredPlane(fixture, [filterOf('compress', {}), filterOf('respond', { body: text })])
    const { body } = await request(plane.url, { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(gunzipSync(Buffer.from(await body.arrayBuffer())).toString(), text)
    await until('it is counted', () => plane.gateway.stats.inFlight === 0)
  })

  it('is one that the client can read: by its q-values, then by our order', () => {
    const offered = ['zstd', 'br', 'gzip']
    for (const [accept, coding] of [
      ['gzip, br, zstd', 'zstd'],
      ['gzip;q=1, br;q=0.5', 'gzip'],
      ['br;q=0.001', 'br'],
      ['GZIP ; Q=0.9', 'gzip'],
      ['x-gzip', 'gzip'],
      ['*', 'zstd'],
      ['*;q=0.5, zstd;q=0', 'br'],
      ['gzip;q=0.5, identity', null],
      ['gzip;q=0', null],
      ['gzip;q=2', null],
      ['gzip;q=x', null],
      ['deflate', null],
      ['', null],
      [',,;q=1,;', null],
    ] as const)
      assert.equal(preferredCoding(['accept-encoding', accept], offered), coding, accept)
    assert.equal(preferredCoding([], offered), null)
    assert.equal(preferredCoding(['Accept-Encoding', 'br;q=0', 'accept-encoding', 'gzip'], offered), 'gzip')
  })

  it('is not one that is small, compressed already, a part, without body, or not to be changed', () => {
    assert.equal(codingOf({}), 'gzip')
    assert.equal(codingOf({ headers: ['Content-Type', 'text/plain', 'Content-Length', '1023'] }), undefined)
    assert.equal(codingOf({ headers: ['Content-Type', 'text/plain', 'Content-Encoding', 'br'] }), 'br')
    assert.equal(codingOf({ headers: ['Content-Type', 'image/png', 'Content-Length', '5000'] }), undefined)
    assert.equal(codingOf({ headers: ['Content-Length', '5000'] }), undefined)
    assert.equal(codingOf({ headers: ['Content-Type', 'text/plain', 'Content-Range', 'bytes 0-1/9'] }), undefined)
    assert.equal(codingOf({ headers: ['Content-Type', 'text/plain', 'Cache-Control', 'public, No-Transform'] }), undefined)
    assert.equal(codingOf({}, { fields: ['Cache-Control', 'no-transform'] }), undefined)
    for (const status of [204, 205, 206, 304]) assert.equal(codingOf({ status }), undefined, String(status))
    assert.equal(codingOf({}, { method: 'HEAD' }), undefined)
  })

  it('has no fields that told of the bytes before', () => {
    const headers = headFor({
      headers: ['Content-Type', 'text/html; charset=x', 'Content-Digest', 'x', 'Accept-Ranges', 'bytes', 'ETag', 'W/"1"'],
    })
    assert.deepEqual(headers, [
      'Content-Type',
      'text/html; charset=x',
      'ETag',
      'W/"1"',
      'Vary',
      'Accept-Encoding',
      'Content-Encoding',
      'gzip',
    ])
  })

  it('is of a type that is written, whatever its parameters and case', () => {
    const options = { types: ['text/*', 'application/*+json'] }
    const typed = (type: string) => codingOf({ headers: ['Content-Type', type] }, {}, options)
    for (const type of ['text/html', 'TEXT/HTML;charset=utf-8', 'application/hal+json ; x'])
      assert.equal(typed(type), 'gzip', type)
    for (const type of [
      'application/json',
      'application/text/html',
      'xtext/html',
      'image/png; x=text/html',
      'application/halXjson',
    ])
      assert.equal(typed(type), undefined, type)
  })

  it('hands each event on at once', async () => {
    const sent: ((event: string) => void)[] = []
    const plane = await filteredPlane(fixture, [filterOf('compress', {})], {
      answer: (_incoming, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        sent.push((event) => void response.write(event))
      },
    })
    for (const coding of ['gzip', 'br', 'zstd']) {
      const { headers, body } = await request(plane.url, { headers: { 'accept-encoding': coding } })
      assert.equal(headers['content-encoding'], coding)
      let bytes = 0
      body.on('data', (chunk: Buffer) => void (bytes += chunk.length))
      body.on('error', () => {})
      for (let event = 0; event < 3; event++) {
        const before = bytes
        sent.at(-1)?.(`data: ${randomBytes(30).toString('hex')}\n\n`)
        await until(`event ${event} comes in ${coding}`, () => bytes > before + 10)
      }
      body.destroy()
    }
    await until('the upstream is left', () => plane.inFlight() === 0)
  })

  it('is read from the upstream no faster than the client takes it', async () => {
    let written = 0
    const plane = await filteredPlane(fixture, [filterOf('compress', { codings: ['gzip'] })], {
      answer: (_incoming, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' })
        // What cannot be compressed, so that the client's side fills.
        const chunk = randomBytes(64 * 1024)
        const fill = (): void => {
          while (written < 400 * 2 ** 20 && !response.destroyed) {
            written += chunk.length
            if (!response.write(chunk)) return void response.once('drain', fill)
          }
        }
        fill()
      },
    })
    const raw = await fixture.client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
    raw.socket.pause()
    let [last, same] = [-1, 0]
    await until('it stands still', () => {
      same = written === last && written > 0 ? same + 1 : 0
      last = written
      return same > 30
    })
    assert.ok(written < 40 * 2 ** 20, String(written))
    raw.socket.destroy()
    await until('the upstream is left', () => plane.inFlight() === 0 && plane.gateway.stats.inFlight === 0)
  })

  it('is cut when the upstream breaks, so that the client does not take it for whole', async () => {
    const plane = await filteredPlane(fixture, [filterOf('compress', {})], {
      answer: (_incoming, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' })
        response.write(text)
        setTimeout(() => response.destroy(), 30)
      },
    })
    const { body } = await request(plane.url, { headers: { 'accept-encoding': 'gzip' } })
    await assert.rejects(body.arrayBuffer())
    await until('it is counted', () => plane.gateway.stats.inFlight === 0)
  })

  it('is counted when the client leaves while its end is on the way', () => {
    const client = new KeptDownstream()
    const decorated = filterOf('compress', {}).onResponseBody?.(client, requestHead({ headers: ['accept-encoding', 'gzip'] }))
    assert.ok(decorated)
    let settled = 0
    decorated.onSettled = () => settled++
    decorated.head({ status: 200, headers: ['content-type', 'text/plain'] })
    decorated.write(Buffer.from(text))
    decorated.end()
    assert.equal(decorated.settled, false)
    client.leave()
    assert.equal(settled, 1)
    assert.equal(decorated.settled, true)
  })
})
