import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { startLoad } from '../support/load.ts'
import { openRaw } from '../support/raw-socket.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance } = dataPlaneFixture()

/** Lets the load go on for some requests. */
async function some(hits: () => number): Promise<void> {
  const before = hits()
  await until('the load goes on', () => hits() > before + 50)
}

describe('under load', () => {
  it('instances come, go, die and return, and no request is lost', async () => {
    const [one, two, three] = [await instance(), await instance(), await instance()]
    const hits = (): number => one.hits + two.hits + three.hits
    const plane = await dataPlane({ upstreams: { app: [one.port, two.port] } })
    const load = startLoad(plane.url, 8)
    for (let round = 0; round < 5; round++) {
      await some(hits)
      await two.kill()
      await some(hits)
      plane.setPorts('app', [one.port, three.port])
      await some(hits)
      await two.restart()
      plane.setPorts('app', [two.port])
      await some(hits)
      plane.setPorts('app', [one.port, two.port])
    }
    const { failures, sent } = await load.stop()
    assert.deepEqual(failures, [])
    assert.ok(sent > 500)
  })

  it('the policy changes, and no request is lost', async () => {
    const upstream = await instance((_incoming, response) => void setImmediate(() => response.end('ok')))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const app = plane.upstreams.get('app') ?? assert.fail()
    const load = startLoad(plane.url, 8)
    for (const maxConnections of [1, 16, 2, 3, 1, 8]) {
      await some(() => upstream.hits)
      const kind = maxConnections > 2 ? 'least-requests' : 'weighted'
      app.setPolicy({ ...app.policy, maxConnections, balance: { kind, options: {} } })
    }
    await some(() => upstream.hits)
    assert.deepEqual((await load.stop()).failures, [])
    assert.equal(plane.inFlight(), 0)
  })
})

describe('an upstream that dies', () => {
  it('in the middle of whatever it was doing harms nobody else', async () => {
    const upstream = await instance((incoming, response) => {
      if (incoming.url === '/answering') response.write('half')
      if (incoming.url === '/reading') incoming.resume().on('error', () => {})
      if (incoming.url === '/both') incoming.on('error', () => {}).pipe(response)
      if (incoming.url === '/ok') response.end('ok')
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] }, policy: { maxConnections: 100 } })
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(Array.from({ length: 20 }, () => openRaw(plane.port)))
      const before = upstream.hits
      const upload = 'HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n'
      for (const [at, { send }] of clients.entries()) {
        if (at % 4 === 0) send('GET /answering HTTP/1.1\r\nHost: a\r\n\r\n')
        if (at % 4 === 1) send(`POST /reading ${upload}${'x'.repeat(50_000)}`)
        if (at % 4 === 2) send(`POST /both ${upload}${'x'.repeat(50_000)}`)
        if (at % 4 === 3) send('POST /waiting HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
      }
      await until('all are under way', () => upstream.hits === before + 20)
      await upstream.kill()
      await until('nothing is under way', () => plane.inFlight() === 0 && plane.gateway.stats.inFlight === 0)
      for (const { socket } of clients) socket.destroy()
      await upstream.restart()
      assert.equal(await (await request(`${plane.url}/ok`)).body.text(), 'ok')
    }
    assert.doesNotMatch(plane.log(), /exchange\.bug/)
  })
})
