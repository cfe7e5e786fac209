import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { systemClock } from '../../src/clock.ts'
import type { ResponseHead } from '../../src/dataplane/exchange.ts'
import type { Filter } from '../../src/dataplane/filters/filter.ts'
import { guarded } from '../../src/dataplane/filters/guarded-filter.ts'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import { filterOf } from '../support/filter.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, client } = dataPlaneFixture()

/** A data plane with one route through these filters to an instance that answers what it saw. */
async function filtered(...filters: readonly Filter[]) {
  const upstream = await instance((incoming, response) => {
    response.setHeader('x-powered-by', 'node')
    response.end(JSON.stringify({ url: incoming.url, tenant: incoming.headers['x-tenant'] }))
  })
  const plane = await dataPlane({
    upstreams: { app: [upstream.port] },
    routes: [{ name: 'app', match: { path: '/*' }, filters, to: { app: 1 } }],
  })
  return { plane, upstream }
}

describe('filters in a running gateway', () => {
  it('change the request in declared order and the answer in reverse', async () => {
    const order: string[] = []
    const noting = (name: string): Filter => ({
      onRequest: () => {
        order.push(`${name} in`)
        return undefined
      },
      onResponse: () => void order.push(`${name} out`),
    })
    const { plane } = await filtered(
      noting('first'),
      filterOf('rewritePath', { strip: '/api', prefix: '/v2' }),
      filterOf('setHeaders', { request: { 'x-tenant': 'acme' }, response: { 'x-powered-by': null, 'x-via': 'us' } }),
      noting('last'),
    )
    const answer = await request(`${plane.url}/api/things?x=1`)
    assert.deepEqual(await answer.body.json(), { url: '/v2/things?x=1', tenant: 'acme' })
    assert.equal(answer.headers['x-powered-by'], undefined)
    assert.equal(answer.headers['x-via'], 'us')
    assert.deepEqual(order, ['first in', 'last in', 'last out', 'first out'])
  })

  it('change nothing about what the access log says was asked for', async () => {
    const strip = filterOf('rewritePath', { strip: '/api', prefix: '/v2' })
    const ways = [await filtered(strip), await filtered(strip, filterOf('respond', { status: 410, body: 'gone' }))]
    for (const { plane } of ways) {
      await (await request(`${plane.url}/api/things?x=1`)).body.dump()
      await until('it is logged', () => plane.access.length === 1)
      assert.equal(plane.access[0]?.path, '/api/things')
    }
  })

  it('may answer by themselves: no upstream is asked, and the connection stays', async () => {
    const { plane, upstream } = await filtered(
      filterOf('setHeaders', { response: { 'x-via': 'us' } }),
      filterOf('respond', { status: 418, body: 'short and stout' }),
    )
    const raw = await client(plane.port)
    for (let i = 1; i <= 3; i++) {
      raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await until(`answer ${i}`, () => raw.received().split('short and stout').length === i + 1)
    }
    assert.match(raw.received(), /^HTTP\/1\.1 418 [^]*x-via: us/)
    assert.equal(raw.socket.readableEnded, false)
    assert.equal(upstream.hits, 0)
  })

  it('may answer a HEAD and redirect', async () => {
    const { plane } = await filtered(filterOf('redirect', { to: 'https://new.example', keepPath: true }))
    const answer = await request(`${plane.url}/a?b=1`)
    assert.deepEqual([answer.statusCode, answer.headers.location], [308, 'https://new.example/a?b=1'])
    await answer.body.dump()
    const head = await request(plane.url, { method: 'HEAD' })
    assert.equal(head.statusCode, 308)
  })

  it('that fail on the way in are 500 with a code, and no upstream is asked', async () => {
    for (const failing of [
      (): never => {
        throw new Error('at 10.1.2.3')
      },
      async (): Promise<never> => Promise.reject(new Error('at 10.1.2.3')),
    ]) {
      const { plane, upstream } = await filtered({ onRequest: failing })
      const answer = await request(plane.url)
      const body = await answer.body.text()
      assert.equal(answer.statusCode, 500)
      assert.equal(errorCodeOf(body), 'filter_failed')
      assert.doesNotMatch(body, /10\.1\.2\.3/)
      assert.equal(upstream.hits, 0)
    }
  })

  it('that fail on the way out are 500 with a code', async () => {
    const { plane, upstream } = await filtered({
      onResponse: () => {
        throw new Error('at 10.1.2.3')
      },
    })
    const answer = await request(plane.url)
    assert.equal(answer.statusCode, 500)
    assert.equal(errorCodeOf(await answer.body.text()), 'filter_failed')
    assert.equal(upstream.hits, 1)
    assert.equal(plane.inFlight(), 0)
    assert.deepEqual(plane.troubles, [])
  })

  it('of users that set a field or a status which no client may get are 500, not the end of the process', async () => {
    const guard = { name: 'theirs', timeoutMs: 1_000, clock: systemClock }
    for (const bad of [
      ({ headers }: ResponseHead) => void headers.push('x-bad', 'a\r\nb: c'),
      ({ headers }: ResponseHead) => void headers.push('x-bad: c\r\nb', 'a'),
      (head: ResponseHead) => void (head.status = 99),
    ]) {
      const { plane } = await filtered(guarded({ onResponse: bad }, guard))
      const answer = await request(plane.url)
      assert.equal(answer.statusCode, 500)
      assert.equal(errorCodeOf(await answer.body.text()), 'filter_failed')
      assert.equal(answer.headers['b'], undefined)
    }
  })
})

describe('a route with several destinations', () => {
  it('splits its requests by weight', async () => {
    const [one, two] = [await instance(), await instance()]
    let next = 0
    const plane = await dataPlane({
      upstreams: { v1: [one.port], v2: [two.port] },
      routes: [{ name: 'split', match: { path: '/*' }, to: { v1: 3, v2: 1 } }],
      // Evenly spread, so that the shares are exact.
      random: () => (next++ % 8) / 8,
    })
    // What the balancers took of it while starting does not matter: a whole turn comes out the same.
    for (let i = 0; i < 16; i++) await (await request(plane.url)).body.dump()
    assert.deepEqual([one.hits, two.hits], [12, 4])
  })
})
