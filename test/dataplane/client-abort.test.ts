import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import type { TestDataPlane } from '../support/data-plane.ts'
import type { RawClient } from '../support/raw-socket.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, rawInstance, client } = dataPlaneFixture()

/** How a client may leave. */
const ways: Readonly<Record<string, (raw: RawClient) => void>> = {
  'closes its connection': ({ socket }) => void socket.end(),
  'resets its connection': ({ socket }) => void socket.resetAndDestroy(),
}

async function untilCounted(plane: TestDataPlane): Promise<void> {
  await until('nothing is under way', () => plane.inFlight() === 0 && plane.gateway.stats.inFlight === 0)
  await until('it is logged', () => plane.access.length === 1)
  assert.equal(plane.access[0]?.code, 'client_gone')
  assert.deepEqual(plane.troubles, [])
}

/** An instance that tells of each request, and whether its connection is still there. */
async function watchedInstance(answer: (incoming: IncomingMessage, response: ServerResponse) => void) {
  const sockets: Socket[] = []
  const upstream = await instance((incoming, response) => {
    sockets.push(incoming.socket)
    answer(incoming, response)
  })
  return { port: upstream.port, sockets }
}

for (const [way, leave] of Object.entries(ways)) {
  describe(`a client that ${way}`, () => {
    it('while it waits for an answer has the upstream request aborted at once', async () => {
      const upstream = await watchedInstance(() => {})
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const raw = await client(plane.port)
      raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      const socket = await until('the upstream has it', () => upstream.sockets[0])
      assert.equal(plane.inFlight(), 1)
      leave(raw)
      await until('its connection is closed', () => socket.closed)
      await untilCounted(plane)
    })

    it('in the middle of an upload has the upstream request aborted at once', async () => {
      const upstream = await watchedInstance((incoming) => void incoming.resume().on('error', () => {}))
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const raw = await client(plane.port)
      raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin')
      const socket = await until('the upstream has it', () => upstream.sockets[0])
      leave(raw)
      await until('its connection is closed', () => socket.closed)
      await untilCounted(plane)
    })

    it('in the middle of a short body has no upstream asked', async () => {
      const upstream = await watchedInstance(() => {})
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const raw = await client(plane.port)
      raw.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')
      await until('it is under way', () => plane.gateway.stats.inFlight === 1)
      leave(raw)
      await untilCounted(plane)
      assert.equal(upstream.sockets.length, 0)
    })

    it('in the middle of a stream of events has the upstream request aborted at once', async () => {
      const upstream = await watchedInstance((_incoming, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: 1\n\n')
      })
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const raw = await client(plane.port)
      raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await until('the event has come', () => raw.received().includes('data: 1'))
      leave(raw)
      await until('its connection is closed', () => upstream.sockets[0]?.closed)
      await untilCounted(plane)
    })

    it('before an upgrade is agreed to has the upstream connection closed at once', async () => {
      let closed = false
      const upstream = await rawInstance((socket) => void socket.on('data', () => {}).on('close', () => (closed = true)))
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const raw = await client(plane.port)
      raw.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      await until('the upstream has it', () => upstream.connections === 1 && plane.inFlight() === 1)
      leave(raw)
      await until('the upstream connection is closed', () => closed)
      await untilCounted(plane)
    })

    it('while its request waits for a connection leaves the queue and costs no connection', async () => {
      let first: ServerResponse | undefined
      const upstream = await watchedInstance((incoming, response) => {
        if (incoming.url === '/first') first = response
        else response.end('ok')
      })
      const plane = await dataPlane({ upstreams: { app: [upstream.port] }, policy: { maxConnections: 1, maxQueued: 1 } })
      const holder = await client(plane.port)
      holder.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n')
      await until('the only connection is in use', () => first)
      const waiting = await client(plane.port)
      waiting.send('GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n')
      await until('one waits', () => plane.inFlight() === 2)
      leave(waiting)
      await until('nobody waits', () => plane.inFlight() === 1)
      // Its place in the queue is free again.
      const next = await client(plane.port)
      next.send('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
      await until('the next one waits', () => plane.inFlight() === 2)
      first?.end('done')
      await until('the next one is answered', () => next.received().endsWith('ok\r\n0\r\n\r\n') || next.received().endsWith('ok'))
      assert.equal(new Set(upstream.sockets).size, 1)
      assert.equal(plane.inFlight(), 0)
    })
  })
}
