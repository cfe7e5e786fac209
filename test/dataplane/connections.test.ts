import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { sendRaw } from '../support/raw-socket.ts'
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
  it('take a request of HTTP/1.0 without Host as one for the address that it came to', async () => {
    const upstream = await instance((incoming, response) => response.end(`${incoming.method} ${incoming.headers.host}`))
    const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
    const text = await sendRaw(plane.port, 'OPTIONS / HTTP/1.0\r\n\r\n')
    assert.match(text, /^HTTP\/1\.1 200 /)
    assert.match(text, new RegExp(`OPTIONS 127\\.0\\.0\\.1:${plane.port}$`))
    assert.equal(plane.access[0]?.host, '127.0.0.1')
  })

  it('refuse a request of HTTP/1.0 with several Hosts, or an empty one', async () => {
    const plane = await dataPlane({ upstreams: { app: [] } })
    for (const fields of ['Host: a\r\nHost: b\r\n', 'Host:\r\n'])
      assert.match(await sendRaw(plane.port, `GET / HTTP/1.0\r\n${fields}\r\n`), /"code":"bad_host"/)
  })
  it('get an answer of the gateway itself to OPTIONS *, and go on', async () => {
    const plane = await dataPlane({ upstreams: { app: [] } })
    const raw = await client(plane.port)
    raw.send('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const answers = (await raw.closed).match(/HTTP\/1\.1 204 No Content\r\n(?:Connection: close\r\n|Date: [^\r]+\r\n)+\r\n/gi)
    assert.equal(answers?.length, 2)
    assert.equal(plane.access.length, 0)
  })

  it('are refused OPTIONS * with a Host that is none, and * with another method', async () => {
    const plane = await dataPlane({ upstreams: { app: [] } })
    assert.match(await sendRaw(plane.port, 'OPTIONS * HTTP/1.1\r\nHost: a/b\r\n\r\n'), /"code":"bad_host"/)
    assert.match(await sendRaw(plane.port, 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'), /"code":"bad_target"/)
  })
})
