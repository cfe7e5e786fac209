import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import type { Answer } from '../support/instance.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, rawInstance, client: openClient } = dataPlaneFixture()

/** An instance that resets each connection as soon as it has seen `marker`. */
function resetting(marker = '\r\n\r\n') {
  return rawInstance((socket: Socket) => {
    let seen = ''
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1')
      if (seen.includes(marker)) socket.resetAndDestroy()
    })
  })
}

async function closedPort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

const echo: Answer = (incoming, response) => void incoming.pipe(response)

describe('an attempt that cannot connect', () => {
  for (const method of ['GET', 'POST', 'PATCH', 'DELETE'] as const) {
    it(`is repeated at another endpoint, also for ${method}`, async () => {
      const [dead, good] = [await closedPort(), await instance()]
      const plane = await dataPlane({ upstreams: { app: [dead, good.port] } })
      for (let i = 0; i < 4; i++) {
        const answer = await request(plane.url, { method })
        assert.equal(answer.statusCode, 200)
        assert.equal(await answer.body.text(), 'good')
      }
      assert.equal(good.hits, 4)
    })
  }

  it('is repeated with a streamed body of which nothing has been read yet', async () => {
    const [dead, good] = [await closedPort(), await instance(echo)]
    const plane = await dataPlane({ upstreams: { app: [dead, good.port] } })
    for (let i = 0; i < 2; i++) {
      const answer = await request(plane.url, { method: 'POST', body: Readable.from([Buffer.from('one '), Buffer.from('two')]) })
      assert.equal(await answer.body.text(), 'one two')
    }
    await until('both are logged', () => plane.access.length === 2)
    assert.ok(plane.access.some(({ attempts }) => attempts === 2))
  })

  it('ends in 502 where there is no other endpoint, after the allowed attempts', async () => {
    const dead = await closedPort()
    const plane = await dataPlane({ upstreams: { app: [dead] }, policy: { retry: { attempts: 3 } } })
    const answer = await request(plane.url)
    assert.equal(answer.statusCode, 502)
    assert.equal(errorCodeOf(await answer.body.text()), 'upstream_connect_failed')
    await until('three attempts are logged', () => plane.access[0]?.attempts === 3)
    assert.equal(plane.upstreams.get('app')?.stats.retries, 2)
  })

  it('is not repeated when one attempt is allowed', async () => {
    const [dead, good] = [await closedPort(), await instance()]
    const plane = await dataPlane({ upstreams: { app: [dead, good.port] }, policy: { retry: { attempts: 1 } } })
    const statuses = [await request(plane.url), await request(plane.url)].map(({ statusCode }) => statusCode)
    assert.deepEqual(statuses.toSorted(), [200, 502])
  })

  it('has its endpoint probed at once', async () => {
    const [dead, good] = [await closedPort(), await instance()]
    const plane = await dataPlane({ upstreams: { app: [dead, good.port] } })
    await Promise.all([request(plane.url), request(plane.url)])
    assert.deepEqual(plane.troubles, [`app 127.0.0.1:${dead}`])
  })
})

describe('an endpoint that resets the connection before it answers', () => {
  it('costs a GET nothing: another endpoint answers', async () => {
    const [bad, good] = [await resetting(), await instance()]
    const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] } })
    for (let i = 0; i < 4; i++) assert.equal((await request(plane.url)).statusCode, 200)
    assert.equal(good.hits, 4)
    assert.ok(bad.connections >= 1)
    assert.ok(plane.troubles.includes(`app 127.0.0.1:${bad.port}`))
  })

  it('costs a PUT with a short body nothing: the body is sent again whole', async () => {
    const [bad, good] = [await resetting('the body'), await instance(echo)]
    const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] } })
    for (let i = 0; i < 2; i++) {
      const answer = await request(plane.url, { method: 'PUT', body: 'this is the body' })
      assert.equal(await answer.body.text(), 'this is the body')
    }
    assert.ok(bad.connections >= 1)
  })

  it('gives a POST 502, and nobody gets it twice', async () => {
    const [bad, good] = [await resetting(), await instance()]
    const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] } })
    const codes: unknown[] = []
    for (let i = 0; i < 2; i++) {
      const answer = await request(plane.url, { method: 'POST', body: 'pay' })
      const text = await answer.body.text()
      codes.push(answer.statusCode === 200 ? 200 : errorCodeOf(text))
    }
    assert.deepEqual(codes.toSorted(), [200, 'upstream_reset'])
    assert.equal(good.hits, 1)
  })

  it('gives a PUT with a long body 502, because the body is gone', async () => {
    const [bad, good] = [await resetting(), await instance(echo)]
    const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] } })
    const body = 'x'.repeat(200_000)
    const answers = [await request(plane.url, { method: 'PUT', body }), await request(plane.url, { method: 'PUT', body })]
    assert.deepEqual(answers.map(({ statusCode }) => statusCode).toSorted(), [200, 502])
    await Promise.all(answers.map((answer) => answer.body.dump()))
  })

  it('is not asked again while another one is left', async () => {
    const [bad, alsoBad, good] = [await resetting(), await resetting(), await instance()]
    const plane = await dataPlane({
      upstreams: { app: [bad.port, alsoBad.port, good.port] },
      policy: { retry: { attempts: 3 } },
    })
    for (let i = 0; i < 6; i++) assert.equal((await request(plane.url)).statusCode, 200)
  })
})

describe('an answer that has begun', () => {
  it('is never begun again: the client sees the connection cut', async () => {
    const bad = await rawInstance((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', () => socket.resetAndDestroy()))
    })
    const good = await instance()
    const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] } })
    const results = await Promise.allSettled(
      [1, 2].map(async () => (await request(plane.url, { headers: { connection: 'close' } })).body.text()),
    )
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    assert.equal(good.hits, 1)
    await until('it is logged', () => plane.access.some(({ status, code }) => status === 200 && code === 'upstream_reset'))
  })
})

describe('a long upload whose upstream breaks', () => {
  it('is answered with 502, the connection ends cleanly, and the next request is served', async () => {
    const bad = await resetting('upload-begins')
    const plane = await dataPlane({ upstreams: { app: [bad.port] } })
    const client = await openClient(plane.port)
    client.send('POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\nupload-begins')
    const piece = 'y'.repeat(100_000)
    // It goes on sending after the answer, as a plain client does.
    for (let i = 0; i < 40; i++) client.send(piece)
    const text = await client.closed
    assert.match(text, /^HTTP\/1\.1 502 /)
    assert.match(text, /connection: close/i)
    assert.match(text, /"code":"upstream_reset"/)
    await until('nothing is under way', () => plane.inFlight() === 0)

    const good = await instance()
    plane.setPorts('app', [good.port])
    assert.equal((await request(plane.url)).statusCode, 200)
  })
})
