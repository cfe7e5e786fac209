import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import type { TestDataPlane } from '../support/data-plane.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, rawInstance, client } = dataPlaneFixture()

/** The samples of one of the gateway's metrics, as `labels value`. */
function samplesOf(plane: TestDataPlane, name: string): string[] {
  const source = plane.gateway.stats.metricSources().find((candidate) => candidate.name === name)
  return [...(source?.samples() ?? [])].map(({ labels, value }) => `${Object.values(labels).join(' ')} ${value}`)
}

describe('the access log', () => {
  it('tells of an answered request: who, where to, how much, how long', async () => {
    const upstream = await instance()
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const answer = await request(`${plane.url}/a/b?token=secret`, {
      method: 'POST',
      body: 'x',
      headers: { host: 'Shop.example:80' },
    })
    await answer.body.dump()
    await until('it is logged', () => plane.access.length === 1)
    const { requestId, durationMs, ...rest } = plane.access[0] ?? assert.fail()
    assert.match(requestId, /^[\w-]+$/)
    assert.ok(durationMs > 0)
    const { client: peer, method, host, path, status, bytes, route, attempts, code } = rest
    assert.deepEqual(
      { peer, method, host, path, status, bytes, route, upstream: rest.upstream, endpoint: rest.endpoint, attempts, code },
      {
        peer: '127.0.0.1',
        method: 'POST',
        host: 'shop.example',
        path: '/a/b',
        status: 200,
        bytes: 4,
        route: 'all',
        upstream: 'app',
        endpoint: `127.0.0.1:${upstream.port}`,
        attempts: 1,
        code: null,
      },
    )
    assert.doesNotMatch(plane.log(), /secret/)
  })

  it('tells why a request failed, and of one that found no route', async () => {
    const [dead = 0] = await freePorts(1)
    const plane = await dataPlane({
      upstreams: { app: [dead], none: [] },
      routes: [
        { name: 'app', match: { path: '/app' }, to: { app: 1 } },
        { name: 'none', match: { path: '/none' }, to: { none: 1 } },
      ],
    })
    for (const path of ['/app', '/none', '/other']) await (await request(plane.url + path)).body.dump()
    await until('all are logged', () => plane.access.length === 3)
    assert.deepEqual(
      plane.access.map(({ status, route, code, attempts }) => [status, route, code, attempts]),
      [
        [502, 'app', 'upstream_connect_failed', 2],
        [503, 'none', 'no_instance', 0],
        [404, null, 'no_route', 0],
      ],
    )
  })

  it('tells of a client that left, with the status that it had got', async () => {
    const upstream = await instance((incoming, response) => void (incoming.url === '/begun' && response.write('half')))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    for (const [path, status] of [
      ['/begun', 200],
      ['/waiting', 0],
    ] as const) {
      const raw = await client(plane.port)
      raw.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await until('the upstream has it', () => upstream.hits > 0 && (status === 0 || raw.received().includes('half')))
      raw.socket.destroy()
      await until('it is logged', () => plane.access.some((record) => record.path === path))
      assert.deepEqual(
        plane.access.filter((record) => record.path === path).map((record) => [record.status, record.code]),
        [[status, 'client_gone']],
      )
    }
  })
})

describe('the counters', () => {
  it('count each exchange once, by route, class of status and error code', async () => {
    const upstream = await instance((incoming, response) => {
      response.statusCode = incoming.url === '/missing' ? 404 : 200
      response.end()
    })
    const plane = await dataPlane({
      upstreams: { app: [upstream.port], none: [] },
      routes: [
        { name: 'app', match: { host: 'app.test' }, to: { app: 1 } },
        { name: 'none', match: { host: 'none.test' }, to: { none: 1 } },
      ],
    })
    const hosts = ['app.test', 'app.test', 'none.test', 'nobody.test']
    for (const host of hosts) await (await request(plane.url, { headers: { host } })).body.dump()
    await (await request(`${plane.url}/missing`, { headers: { host: 'app.test' } })).body.dump()
    await until('nothing is under way', () => plane.gateway.stats.inFlight === 0)
    assert.deepEqual(samplesOf(plane, 'meshgate_requests_total').toSorted(), [
      'app 2xx 2',
      'app 4xx 1',
      'none 4xx 1',
      'none 5xx 1',
    ])
    assert.deepEqual(samplesOf(plane, 'meshgate_request_errors_total').toSorted(), ['no_instance 1', 'no_route 1'])
    assert.ok(samplesOf(plane, 'meshgate_request_duration_seconds_bucket').includes('app +Inf 3'))
    assert.deepEqual(samplesOf(plane, 'meshgate_requests_in_flight'), [' 0'])
  })

  it('count attempts and failures at the upstream', async () => {
    const [dead = 0] = await freePorts(1)
    const plane = await dataPlane({ upstreams: { app: [dead] }, policy: { retry: { attempts: 3 } } })
    await (await request(plane.url)).body.dump()
    const stats = plane.upstreams.get('app')?.stats
    assert.deepEqual([stats?.attempts, stats?.retries, stats?.failures.get('upstream_connect_failed')], [3, 2, 3])
  })
})

describe('an error reply', () => {
  it('names its request and no upstream, whatever went wrong', async () => {
    const [dead = 0] = await freePorts(1)
    const resets = await rawInstance((socket) => void socket.once('data', () => socket.resetAndDestroy()))
    const junk = await rawInstance((socket) => void socket.once('data', () => socket.end('what is HTTP?\r\n')))
    for (const port of [dead, resets.port, junk.port]) {
      const plane = await dataPlane({ upstreams: { app: [port] } })
      const answer = await request(plane.url, { method: 'POST' })
      const body = await answer.body.text()
      assert.equal(answer.statusCode, 502)
      assert.doesNotMatch(body, new RegExp(`127\\.0\\.0\\.1|${port}|ECONN|at `))
      await until('it is logged', () => plane.access.length === 1)
      assert.equal(answer.headers['x-request-id'], plane.access[0]?.requestId)
      assert.ok(body.includes(plane.access[0]?.requestId ?? 'none'))
    }
  })
})
