import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { answerOf, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'
import { until } from '../../support/until.ts'

const fixture = dataPlaneFixture()
const limit = (max: string) => filterOf('bodyLimit', { max })

describe('a limit for bodies', () => {
  it('lets a body pass that is as long as it may be, told or in pieces', async () => {
    const plane = await filteredPlane(fixture, [limit('10B')], {
      answer: (incoming, response) => void incoming.toArray().then((all) => response.end(Buffer.concat(all as Buffer[]))),
    })
    const told = await request(plane.url, { method: 'POST', body: '0123456789' })
    assert.equal(await told.body.text(), '0123456789')
    const raw = await fixture.client(plane.port)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n')
    raw.send('5\r\n01234\r\n')
    raw.send('5\r\n56789\r\n0\r\n\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 200 [^]*0123456789/)
  })

  it('refuses a longer Content-Length before the body comes and before the service sees anything', async () => {
    let hits = 0
    const plane = await filteredPlane(fixture, [limit('10B')], { answer: (_incoming, response) => (hits++, void response.end()) })
    const raw = await fixture.client(plane.port)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n')
    const text = await raw.closed
    assert.match(text, /^HTTP\/1\.1 413 /)
    assert.equal(errorCodeOf(text.slice(text.indexOf('\r\n\r\n'))), 'body_too_large')
    assert.equal(hits, 0)
  })

  it('breaks a body in pieces off as soon as it is too long, and does not blame the service', async () => {
    const plane = await filteredPlane(fixture, [limit('1KiB')], {
      answer: (incoming, response) => {
        incoming.on('error', () => {})
        incoming.resume().on('end', () => response.end('all'))
      },
    })
    const raw = await fixture.client(plane.port)
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (let i = 0; i < 5; i++) raw.send(`100\r\n${'x'.repeat(256)}\r\n`)
    const text = await raw.closed
    assert.match(text, /^HTTP\/1\.1 413 /)
    assert.match(text, /"body_too_large"/)
    await until('nothing is under way', () => plane.inFlight() === 0)
    assert.deepEqual(plane.troubles, [])
  })

  it('is not fooled by a length that is no number', async () => {
    for (const length of ['1e9', '0x7fffffff', '99999999999999999999', 'NaN']) {
      const { status } = await answerOf(limit('10B'), requestHead({ method: 'POST', headers: ['Content-Length', length] }))
      assert.equal(status, 413, length)
    }
  })

  it('is refused without its unit', () => {
    for (const max of ['10', 10, '0B', '-1B', '1kb', '1.5MiB', ''])
      assert.throws(() => filterOf('bodyLimit', { max }), String(max))
  })
})
