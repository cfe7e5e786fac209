import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'
import { DecoratedDownstream } from '../../../src/dataplane/filters/decorated-downstream.ts'
import type { Filter } from '../../../src/dataplane/filters/filter.ts'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { filterOf } from '../../support/filter.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

const fixture = dataPlaneFixture()

async function answerThrough(filters: readonly Filter[]): Promise<{ status: number; code: unknown }> {
  const plane = await filteredPlane(fixture, filters)
  const { statusCode, body } = await request(plane.url)
  const text = await body.text()
  await until('nothing is under way', () => plane.gateway.stats.inFlight === 0 && plane.inFlight() === 0)
  return { status: statusCode, code: statusCode === 200 ? text : errorCodeOf(text) }
}

function boom(): never {
  throw new Error('at 10.0.0.5')
}

describe('a chain of filters', () => {
  it('sees requests in order and answers in reverse, bodies too', async () => {
    const steps: string[] = []
    const noting = (name: string): Filter => ({
      onRequest: () => void steps.push(`${name} request`),
      onResponse: () => void steps.push(`${name} head`),
      onResponseBody: (downstream) =>
        new (class extends DecoratedDownstream {
          override end(): void {
            steps.push(`${name} body`)
            super.end()
          }
        })(downstream),
    })
    assert.equal((await answerThrough([noting('a'), noting('b')])).status, 200)
    assert.deepEqual(steps, ['a request', 'b request', 'b head', 'a head', 'b body', 'a body'])
  })

  it('gives 500 for a filter that throws or rejects, at whatever step, and goes on serving', async () => {
    for (const broken of [
      { onRequest: boom },
      { onRequest: () => Promise.reject(new Error('late')) },
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors
      { onRequest: () => Promise.reject(undefined) },
      { onResponse: boom },
      { onResponseBody: boom },
      { onRequest: () => ({ status: 200, headers: [], body: '' }), onResponse: boom },
    ] satisfies Filter[])
      assert.deepEqual(await answerThrough([broken]), { status: 500, code: 'filter_failed' })
  })

  it('gives up on a filter that does not come to an end', async () => {
    const clock = new ManualClock()
    const asked: unknown[] = []
    const plane = await filteredPlane(fixture, [{ onRequest: () => (asked.push(1), new Promise(() => {})) }], { clock })
    const answer = request(plane.url)
    await until('it is asked', () => asked.length === 1)
    await clock.advance(90_000)
    const { statusCode, body } = await answer
    assert.equal(statusCode, 500)
    assert.equal(errorCodeOf(await body.text()), 'filter_failed')
    assert.equal(plane.gateway.stats.inFlight, 0)
  })

  it('lets go of a client that leaves while a filter thinks', async () => {
    const asked: unknown[] = []
    const plane = await filteredPlane(fixture, [{ onRequest: () => (asked.push(1), new Promise(() => {})) }])
    const leaving = new AbortController()
    const answer = request(plane.url, { signal: leaving.signal }).catch(() => 'left')
    await until('it is asked', () => asked.length === 1)
    leaving.abort()
    assert.equal(await answer, 'left')
    await until('it is counted', () => plane.gateway.stats.inFlight === 0)
  })

  it('keeps what it tells the service from a client that names it in Connection', async () => {
    const seen: unknown[] = []
    const plane = await filteredPlane(fixture, [filterOf('setHeaders', { request: { 'X-Tenant': 'acme' } })], {
      answer: (incoming, response) => (seen.push(incoming.headers['x-tenant']), void response.end()),
    })
    const raw = await fixture.client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-tenant\r\nX-Tenant: other\r\n\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 200 /)
    assert.deepEqual(seen, ['acme'])
  })

  it('guards upgrades too, and leaves open ones alone', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    fixture.cleanUp(() => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    })
    await once(server, 'listening')
    server.on('connection', (socket, { headers }) => socket.send(`for ${String(headers['x-caller'])}`))
    const { port } = server.address() as { port: number }
    const filters = [
      filterOf('compress', {}),
      filterOf('errorPages', { pages: { '401': { body: 'no' } } }),
      filterOf('apiKey', { keys: { partner: 'a-key-of-the-partner' }, nameField: 'X-Caller' }),
    ]
    const plane = await filteredPlane(fixture, filters, { upstreams: { app: [port] } })
    const open = new WebSocket(plane.url, { headers: { 'x-api-key': 'a-key-of-the-partner' } })
    fixture.cleanUp(() => open.terminate())
    assert.equal(String((await once(open, 'message'))[0]), 'for partner')
    const refused = new WebSocket(plane.url)
    refused.on('error', () => {})
    const [, answer] = (await once(refused, 'unexpected-response')) as [unknown, { statusCode: number }]
    assert.equal(answer.statusCode, 401)
  })

  it('of all kinds at once serves a request whole', async () => {
    const body = 'what a service says, again and again. '.repeat(500)
    const plane = await filteredPlane(
      fixture,
      [
        filterOf('requestId', {}),
        filterOf('errorPages', { pages: { '5xx': { body: 'sorry' } } }),
        filterOf('compress', {}),
        filterOf('securityHeaders', {}),
        filterOf('ipAllow', { addresses: ['127.0.0.0/8'] }),
        filterOf('rateLimit', { rate: '1000/s' }),
        filterOf('cors', { origins: ['https://app.example.com'] }),
        filterOf('apiKey', { keys: { partner: 'a-key-of-the-partner' } }),
        filterOf('bodyLimit', { max: '1MiB' }),
        filterOf('setHeaders', { response: { 'X-A': 'b' } }),
      ],
      {
        answer: (incoming, response) => {
          response.setHeader('content-type', 'text/plain')
          incoming.on('data', () => {}).on('end', () => response.end(body))
        },
      },
    )
    const headers = { 'x-api-key': 'a-key-of-the-partner', origin: 'https://app.example.com', 'accept-encoding': 'identity' }
    for (let i = 0; i < 3; i++) {
      const answer = await request(plane.url, { method: 'POST', body: 'x'.repeat(100_000), headers })
      assert.equal(await answer.body.text(), body)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff')
      assert.equal(answer.headers['access-control-allow-origin'], 'https://app.example.com')
    }
    const refused = await request(plane.url)
    assert.equal(refused.statusCode, 401)
    assert.ok(refused.headers['ratelimit'])
    await refused.body.dump()
  })
})
