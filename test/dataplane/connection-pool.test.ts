import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { allAnswered, answerTo, pipeliningInstance, sendTogether } from '../support/pipelining-instance.ts'
import { until } from '../support/until.ts'

const fixture = dataPlaneFixture()
const { dataPlane, rawInstance, client } = fixture

const answering = () =>
  pipeliningInstance(fixture, ({ socket, lines }) => {
    for (const line of lines) socket.write(answerTo(line))
  })

describe('connections to an instance', () => {
  it('are used again, the one used last first', async () => {
    const service = await answering()
    const plane = await dataPlane({ upstreams: { app: [service.port] } })
    const clients = await Promise.all([client(plane.port), client(plane.port), client(plane.port)])
    await allAnswered(sendTogether(clients, ['GET /1', 'GET /2', 'GET /3']), ['GET /1', 'GET /2', 'GET /3'])
    assert.equal(service.connections, 3)
    const last = service.arrivals.at(-1)?.connection
    for (let i = 0; i < 5; i++) {
      const line = `GET /again/${i}`
      await allAnswered(sendTogether([await client(plane.port)], [line]), [line])
    }
    assert.equal(service.connections, 3)
    assert.deepEqual(
      service.arrivals.slice(3).map(({ connection }) => connection),
      Array(5).fill(last),
    )
  })

  it('are not used again after the time that the service tells of itself', async () => {
    for (const [fields, connections] of [
      ['Keep-Alive: timeout=1\r\n', 2],
      ['Keep-Alive: timeout=60\r\n', 1],
      ['Connection: close\r\n', 2],
    ] as const) {
      const service = await pipeliningInstance(fixture, ({ socket, lines }) => {
        for (const line of lines) socket.write(answerTo(line, fields))
      })
      const plane = await dataPlane({ upstreams: { app: [service.port] } })
      for (const line of ['GET /1', 'GET /2']) await allAnswered(sendTogether([await client(plane.port)], [line]), [line])
      assert.equal(service.connections, connections, fields)
    }
  })
})

/** A service with its open connections, the newest last. */
async function watched() {
  const open: Socket[] = []
  const instance = await rawInstance((socket) => {
    open.push(socket)
    socket.on('close', () => void open.splice(open.indexOf(socket), 1))
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  return { instance, open }
}

describe('connections that are opened ahead', () => {
  it('are there before the first request, which then opens none', async () => {
    const { instance, open } = await watched()
    const plane = await dataPlane({ upstreams: { app: [instance.port] }, policy: { warmConnections: 3 } })
    await until('they are open', () => open.length === 3)
    assert.equal(await (await fetch(plane.url)).text(), 'ok')
    assert.equal(instance.connections, 3)
  })

  it('are opened again when the service ends them, and a request does not suffer from that', async () => {
    const { instance, open } = await watched()
    const plane = await dataPlane({
      upstreams: { app: [instance.port] },
      policy: { warmConnections: 2, retry: { attempts: 1 } },
    })
    await until('they are open', () => open.length === 2)
    for (const socket of open.slice()) socket.destroy()
    // Whether the gateway has seen it yet or not.
    assert.equal(await (await fetch(plane.url)).text(), 'ok')
    await until('they are open again', () => open.length === 2)
    assert.deepEqual(plane.troubles, [])
  })

  it('are never more than there may be connections, and none to an instance that gets no traffic', async () => {
    const [busy, ill] = [await watched(), await watched()]
    const plane = await dataPlane({ upstreams: { app: [busy.instance.port] }, policy: { warmConnections: 9, maxConnections: 2 } })
    await until('they are open', () => busy.open.length === 2)
    plane.upstreams.get('app')?.setMembers([
      { id: 'busy', address: { host: '127.0.0.1', port: busy.instance.port }, weight: 1, exclusion: null },
      { id: 'ill', address: { host: '127.0.0.1', port: ill.instance.port }, weight: 1, exclusion: 'probe_failing' },
    ])
    assert.deepEqual(await Promise.all([1, 2, 3].map(async () => (await fetch(plane.url)).text())), ['ok', 'ok', 'ok'])
    assert.equal(busy.instance.connections, 2)
    assert.equal(ill.instance.connections, 0)
  })

  it('end with their upstream, and leave no timer behind', async () => {
    const { instance, open } = await watched()
    const plane = await dataPlane({ upstreams: { app: [instance.port] }, policy: { warmConnections: 2 } })
    await until('they are open', () => open.length === 2)
    plane.setPorts('app', [])
    await until('they are closed', () => open.length === 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(instance.connections, 2)
  })
})
