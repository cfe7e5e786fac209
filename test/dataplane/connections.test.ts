import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, client } = dataPlaneFixture()

describe('connections', () => {
  it('are kept alive on both sides, also when the gateway answers by itself', async () => {
    const remotePorts = new Set<number | undefined>()
    const upstream = await instance((incoming, response) => {
      remotePorts.add(incoming.socket.remotePort)
      response.end('ok')
    })
    const plane = await dataPlane({
      upstreams: { app: [upstream.port] },
      routes: [{ name: 'app', match: { path: '/app' }, to: { app: 1 } }],
    })
    const raw = await client(plane.port)
    for (const [at, path] of ['/app', '/nowhere', '/app', '/nowhere', '/app'].entries()) {
      raw.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await until(`answer ${at + 1}`, () => raw.received().match(/HTTP\/1\.1 /g)?.length === at + 1)
    }
    await until('all have come', () => raw.received().match(/\r\n\r\n[^H]/g)?.length === 5)
    assert.equal(raw.socket.readableEnded, false)
    assert.doesNotMatch(raw.received(), /connection: close/i)
    assert.equal(remotePorts.size, 1)
  })

  it('end after the answer for an HTTP/1.0 client', async () => {
    const upstream = await instance((_incoming, response) => {
      response.write('un')
      response.end('framed')
    })
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    const text = await raw.closed
    assert.doesNotMatch(text, /transfer-encoding/i)
    assert.match(text, /\r\n\r\nunframed$/)
  })
})
