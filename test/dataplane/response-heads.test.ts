import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import type { RawInstance } from '../support/raw-socket.ts'

const { dataPlane, rawInstance, client } = dataPlaneFixture()

/** An instance that answers whatever comes with these bytes. */
function answering(head: string): Promise<RawInstance> {
  return rawInstance((socket) => void socket.on('data', () => socket.write(Buffer.from(head, 'latin1'))))
}

describe('the head of an answer', () => {
  it('keeps the case, the order and the bytes of its fields, also in a file name in UTF-8', async () => {
    const name = Buffer.from('attachment; filename="übung.txt"').toString('latin1')
    const fields = `X-First: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\nContent-Disposition: ${name}\r\n`
    const upstream = await answering(`HTTP/1.1 200 OK\r\n${fields}\r\nok`)
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const text = await raw.closed
    assert.ok(text.includes('X-First: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n'), text)
    assert.ok(text.includes(`Content-Disposition: ${name}\r\n`), text)
  })

  it('with a byte that no field may have is 502, and the next request is served', async () => {
    const upstream = await answering('HTTP/1.1 200 OK\r\nX-Bad: a\x01b\r\nContent-Length: 2\r\n\r\nok')
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    for (let i = 0; i < 2; i++) {
      const answer = await request(plane.url, { method: 'POST' })
      assert.equal(answer.statusCode, 502)
      assert.match(await answer.body.text(), /upstream_protocol/)
    }
  })

  it('that is interim is not taken for the answer', async () => {
    const upstream = await answering(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    )
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const answer = await request(plane.url)
    assert.deepEqual([answer.statusCode, await answer.body.text()], [200, 'ok'])
  })

  it('that is not HTTP, or could be read in two ways, is 502', async () => {
    for (const junk of [
      'SSH-2.0-OpenSSH_9.9\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ]) {
      const upstream = await answering(junk)
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const answer = await request(plane.url, { method: 'POST' })
      assert.equal(answer.statusCode, 502, junk)
      assert.match(await answer.body.text(), /upstream_(?:protocol|reset)/)
    }
  })
})
