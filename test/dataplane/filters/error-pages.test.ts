import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { filterOf } from '../../support/filter.ts'
import type { Answer } from '../../support/instance.ts'

const fixture = dataPlaneFixture()
const pages = { '404': { body: 'not here' }, '5xx': { body: '{status} {requestId} {other}', type: 'text/plain' } }

const answering: Answer = (incoming, response) => {
  response.writeHead(Number(incoming.url?.slice(1)), {
    'content-type': 'application/json',
    etag: '"1"',
    'content-encoding': 'x',
    'x-kept': 'y',
  })
  response.end(incoming.method === 'HEAD' ? undefined : '{"secret":"at db1.internal:5432"}'.repeat(5000))
}

describe('an error page', () => {
  it('takes the place of the body of a service, with what tells of that body', async () => {
    const plane = await filteredPlane(fixture, [filterOf('errorPages', { pages })], { answer: answering })
    const { statusCode, headers, body } = await request(`${plane.url}/404`)
    assert.equal(statusCode, 404)
    assert.equal(await body.text(), 'not here')
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(headers['content-length'], '8')
    assert.equal(headers['etag'], undefined)
    assert.equal(headers['content-encoding'], undefined)
    assert.equal(headers['x-kept'], 'y')
    assert.equal(plane.access[0]?.bytes, 8)
  })

  it('tells status and id, and the connection goes on', async () => {
    const plane = await filteredPlane(fixture, [filterOf('errorPages', { pages })], { answer: answering })
    const raw = await fixture.client(plane.port)
    raw.send(
      'GET /503 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /500 HTTP/1.1\r\nHost: a\r\n\r\nGET /502 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )
    const text = await raw.closed
    assert.match(
      text,
      /^HTTP\/1\.1 503 [^]*\r\n\r\n503 [\w.:-]+ \{other\}HTTP\/1\.1 500 [^]*\r\n\r\nHTTP\/1\.1 502 [^]*\r\n\r\n502 [\w.:-]+ \{other\}$/,
    )
    assert.doesNotMatch(text, /secret/)
  })

  it('takes the place of the errors of the gateway and of other filters', async () => {
    const plane = await filteredPlane(fixture, [
      filterOf('errorPages', { pages }),
      filterOf('faultInjection', { abort: { status: 555 } }),
    ])
    assert.match(await (await request(plane.url)).body.text(), /^555 /)
    const empty = await filteredPlane(fixture, [filterOf('errorPages', { pages })], { upstreams: { app: [] } })
    const { statusCode, body } = await request(empty.url)
    assert.equal(statusCode, 503)
    assert.match(await body.text(), /^503 /)
  })

  it('may come with another status', async () => {
    const filter = filterOf('errorPages', { pages: { '404': { body: 'home', status: 200 } } })
    const plane = await filteredPlane(fixture, [filter], { answer: answering })
    const { statusCode, body } = await request(`${plane.url}/404`)
    assert.equal(statusCode, 200)
    assert.equal(await body.text(), 'home')
  })

  it('leaves other answers alone, and is compressed like them', async () => {
    const plane = await filteredPlane(fixture, [filterOf('compress', { min: '1B' }), filterOf('errorPages', { pages })], {
      answer: answering,
    })
    const other = await request(`${plane.url}/418`)
    assert.match(await other.body.text(), /secret/)
    const page = await request(`${plane.url}/404`, { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(page.headers['content-encoding'], 'gzip')
    await page.body.dump()
  })

  it('is for errors only', () => {
    for (const wrong of [
      {},
      { '200': { body: '' } },
      { '6xx': { body: '' } },
      { '4x': { body: '' } },
      { '404': 'x' },
      { '404': { body: 'x', type: 'a\r\nb' } },
    ])
      assert.throws(() => filterOf('errorPages', { pages: wrong }), JSON.stringify(wrong))
  })
})
