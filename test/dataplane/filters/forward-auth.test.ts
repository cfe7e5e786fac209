import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { filterOf } from '../../support/filter.ts'
import type { Answer } from '../../support/instance.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

const fixture = dataPlaneFixture()

/** A gateway that asks a service that answers like this, with what the asked service and the one behind get to see. */
async function planeAsking(answer: Answer, options: object = {}, rest: { trust?: readonly string[]; clock?: ManualClock } = {}) {
  const seen = { asked: [] as IncomingHttpHeaders[], behind: [] as IncomingHttpHeaders[] }
  const auth = await fixture.instance((incoming, response) => {
    seen.asked.push(incoming.headers)
    answer(incoming, response)
  })
  const { clock, ...plane } = rest
  const filter = filterOf('forwardAuth', { url: `http://127.0.0.1:${auth.port}/check?x=1`, ...options }, clock ? { clock } : {})
  const started = await filteredPlane(fixture, [filter], {
    ...plane,
    answer: (incoming, response) => {
      seen.behind.push(incoming.headers)
      response.end('behind')
    },
  })
  return { url: started.url, plane: started, seen }
}

describe('another service that decides', () => {
  it('lets a request on by 2xx, and tells the service behind what it found out', async () => {
    const { url, seen } = await planeAsking(
      (_incoming, response) => response.writeHead(204, { 'x-user': 'alice', 'x-other': 'no' }).end(),
      {
        upstreamFields: ['X-User', 'X-Roles'],
      },
    )
    const headers = { 'x-user': 'root', x_user: 'root', 'x-roles': 'admin', authorization: 'Bearer t', 'x-private': '1' }
    const { statusCode, body } = await request(`${url}/a/b?c=d`, { method: 'POST', body: 'text', headers })
    assert.equal(statusCode, 200)
    assert.equal(await body.text(), 'behind')
    const [asked, behind] = [seen.asked[0] ?? {}, seen.behind[0] ?? {}]
    assert.equal(behind['x-user'], 'alice')
    for (const name of ['x_user', 'x-roles', 'x-other']) assert.equal(behind[name], undefined, name)
    assert.equal(asked.authorization, 'Bearer t')
    assert.equal(asked['x-forwarded-method'], 'POST')
    assert.equal(asked['x-forwarded-uri'], '/a/b?c=d')
    assert.equal(asked['x-forwarded-for'], '127.0.0.1')
    for (const name of ['x-user', 'x-private', 'content-length', 'transfer-encoding']) assert.equal(asked[name], undefined, name)
  })

  it('refuses by 3xx and 4xx, in its own words and with the listed fields', async () => {
    const { url, seen, plane } = await planeAsking((_incoming, response) =>
      response
        .writeHead(302, { location: 'https://login.test/', 'set-cookie': ['a=1', 'b=2'], 'x-internal': 'db1', server: 'auth/1' })
        .end('go there'),
    )
    const { statusCode, headers, body } = await request(url)
    assert.equal(statusCode, 302)
    assert.equal(await body.text(), 'go there')
    assert.equal(headers['location'], 'https://login.test/')
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
    assert.equal(headers['x-internal'], undefined)
    assert.equal(seen.behind.length, 0)
    assert.equal(plane.access[0]?.code, 'unauthorized')
  })

  for (const [what, answer] of [
    ['500', (_incoming, response) => void response.writeHead(500).end('stack trace')],
    ['a reset', (incoming) => void incoming.socket.destroy()],
    [
      'half an answer',
      (incoming, response) => (
        response.writeHead(200, { 'content-length': 10 }).write('x'),
        setTimeout(() => incoming.socket.destroy(), 20)
      ),
    ],
    ['an answer that is too long', (_incoming, response) => void response.end('x'.repeat(70_000))],
  ] satisfies [string, Answer][]) {
    it(`fails closed by ${what}`, async () => {
      const { url, seen } = await planeAsking(answer)
      const { statusCode, body } = await request(url)
      const text = await body.text()
      assert.equal(statusCode, 503)
      assert.equal(errorCodeOf(text), 'auth_unavailable')
      assert.doesNotMatch(text, /127\.0\.0\.1|stack/)
      assert.equal(seen.behind.length, 0)
    })
  }

  it('fails closed when it does not answer in time, and is asked about no more requests at once than written', async () => {
    const clock = new ManualClock()
    const { url, seen } = await planeAsking(() => {}, { timeout: '60s', maxCalls: 2 }, { clock })
    const waiting = [request(url), request(url)]
    await until('both are asked about', () => seen.asked.length === 2)
    const third = await request(url)
    assert.equal(third.statusCode, 503)
    await third.body.dump()
    assert.equal(seen.asked.length, 2)
    await clock.advance(60_000)
    for (const { statusCode, body } of await Promise.all(waiting)) {
      assert.equal(statusCode, 503)
      await body.dump()
    }
    assert.equal(seen.behind.length, 0)
  })

  it('is left by a client that leaves, without a request behind', async () => {
    const { url, seen, plane } = await planeAsking(() => {})
    const leaving = new AbortController()
    const asked = request(url, { signal: leaving.signal }).catch(() => 'left')
    await until('it is asked', () => seen.asked.length === 1)
    leaving.abort()
    assert.equal(await asked, 'left')
    await until('it is counted', () => plane.gateway.stats.inFlight === 0)
    assert.equal(seen.behind.length, 0)
  })

  it('hears of the client what can be believed', async () => {
    const spoofed = {
      'x-forwarded-for': '10.0.0.1',
      'x-forwarded-host': 'evil.test',
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': '/public',
    }
    for (const [trust, address, host] of [
      [[], '127.0.0.1', undefined],
      [['127.0.0.1'], '10.0.0.1', 'evil.test'],
    ] as const) {
      const { url, seen } = await planeAsking(
        (_incoming, response) => void response.end(),
        { requestFields: Object.keys(spoofed) },
        { trust },
      )
      await (await request(`${url}/admin`, { method: 'DELETE', headers: spoofed })).body.dump()
      const asked = seen.asked[0] ?? {}
      assert.equal(asked['x-forwarded-for'], address)
      assert.equal(asked['x-forwarded-host'], host ?? url.slice(7))
      assert.equal(asked['x-forwarded-method'], 'DELETE')
      assert.equal(asked['x-forwarded-uri'], '/admin')
    }
  })

  it('is configured with an absolute URL', () => {
    for (const url of ['auth', '/check', 'ftp://a/', 'http://', 'http://u:p@a/', 'http://a/#x', 7])
      assert.throws(() => filterOf('forwardAuth', { url }), String(url))
    assert.throws(() => filterOf('forwardAuth', { url: 'http://a/', upstreamFields: ['Content-Length'] }))
    assert.throws(() => filterOf('forwardAuth', { url: 'http://a/', timeout: '2m' }))
  })
})
