import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, rawInstance } = dataPlaneFixture()

const policy = { retry: { holdBytes: 1_024 } }

/** Answers with a head and half of its body; then `then` says what becomes of the connection. */
function halfAnswering(then: (socket: Socket) => void, head = 'content-length: 10') {
  return rawInstance((socket) => {
    socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\nhalf`, () => then(socket)))
  })
}

describe('an answer that is held until it is whole', () => {
  for (const [what, then] of [
    ['resets the connection', (socket: Socket) => void socket.resetAndDestroy()],
    ['closes the connection', (socket: Socket) => void socket.end()],
  ] as const) {
    it(`is asked for again elsewhere when its instance ${what} in the middle of it`, async () => {
      const [bad, good] = [await halfAnswering(then), await instance()]
      const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] }, policy })
      for (let i = 0; i < 4; i++) assert.equal(await (await request(plane.url)).body.text(), 'good')
      assert.ok(plane.troubles.includes(`app 127.0.0.1:${bad.port}`))
    })
  }

  it('is asked for again when it does not come to its end within the time for one attempt', async () => {
    const clock = new ManualClock()
    const [bad, good] = [await halfAnswering(() => {}), await instance()]
    const slow = { ...policy, timeouts: { tryMs: 500 } }
    const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] }, policy: slow, clock, random: () => 0.99999 })
    const answer = request(plane.url)
    await until('half of it is there', () => bad.connections === 1)
    await until('it is given up', async () => {
      await clock.advance(100)
      return good.hits === 1
    })
    assert.equal(await (await answer).body.text(), 'good')
  })

  it('is an error with a code, and no cut connection, where nobody else can be asked', async () => {
    const bad = await halfAnswering((socket) => void socket.resetAndDestroy())
    const plane = await dataPlane({ upstreams: { app: [bad.port] }, policy })
    const { statusCode, body } = await request(plane.url)
    assert.deepEqual([statusCode, errorCodeOf(await body.text())], [502, 'upstream_reset'])
  })

  it('comes down whole, with its fields, whatever its pieces; so does one without a body', async () => {
    const app = await rawInstance((socket) => {
      socket.on('data', (chunk: Buffer) => {
        const isHead = chunk.toString().startsWith('HEAD')
        socket.write('HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 6\r\n\r\n')
        for (const [at, piece] of (isHead ? [] : ['ab', 'cd', 'ef']).entries()) setTimeout(() => socket.write(piece), at)
      })
    })
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy })
    for (let i = 0; i < 3; i++) {
      const { headers, body } = await request(plane.url)
      assert.deepEqual([headers['x-a'], await body.text()], ['b', 'abcdef'])
      const head = await request(plane.url, { method: 'HEAD' })
      assert.deepEqual([head.headers['content-length'], await head.body.text()], ['6', ''])
    }
  })

  it('is not one that is long, says no length, or answers what must not be repeated: that comes down at once', async () => {
    for (const [head, method] of [
      ['content-length: 2000', 'GET'],
      ['connection: close', 'GET'],
      ['content-length: 10', 'POST'],
    ] as const) {
      const bad = await halfAnswering(() => {}, head)
      const plane = await dataPlane({ upstreams: { app: [bad.port] }, policy })
      const { statusCode, body } = await request(plane.url, { method })
      assert.equal(statusCode, 200)
      body.on('error', () => {}).destroy()
    }
  })
})
