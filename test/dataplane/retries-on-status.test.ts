import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { Pool, request } from 'undici'
import { builtIn } from '../../src/config/built-in.ts'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import type { Answer } from '../support/instance.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, cleanUp } = dataPlaneFixture()

const on = {
  connect: true,
  reset: true,
  timeout: true,
  statuses: [
    [503, 503],
    [429, 429],
  ],
} as const

function unavailable(headers: Record<string, string> = {}, status = 503): Answer {
  return (incoming, response) => {
    incoming.resume()
    response.writeHead(status, headers).end('not now')
  }
}

/** Gives the first request no answer. */
function hangOnce(): Answer {
  let isFirst = true
  return (incoming, response) => {
    incoming.resume()
    if (!isFirst) response.end('good')
    isFirst = false
  }
}

describe('an answer with a status that is tried again', () => {
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    it(`does not reach the client while another endpoint has a better one, for ${method}`, async () => {
      const [bad, good] = [await instance(unavailable()), await instance()]
      const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] }, policy: { retry: { on } } })
      for (let i = 0; i < 4; i++) {
        const answer = await request(plane.url, { method, ...(method === 'PUT' && { body: 'short' }) })
        assert.equal(answer.statusCode, 200)
        assert.equal(await answer.body.text(), 'good')
      }
      assert.equal(bad.hits, 2)
      assert.equal(plane.upstreams.get('app')?.stats.retries, 2)
      await until('nothing is under way', () => plane.inFlight() === 0)
    })
  }

  it('reaches the client when the attempts are used up, whole', async () => {
    const bad = await instance(unavailable({ 'x-reason': 'load' }))
    const plane = await dataPlane({ upstreams: { app: [bad.port] }, policy: { retry: { attempts: 3, on } } })
    const answer = await request(plane.url)
    assert.equal(answer.statusCode, 503)
    assert.equal(answer.headers['x-reason'], 'load')
    assert.equal(await answer.body.text(), 'not now')
    assert.equal(bad.hits, 3)
  })

  it('reaches the client when repeating is not safe: a POST, or a body that is not kept', async () => {
    const bad = await instance(unavailable())
    const plane = await dataPlane({ upstreams: { app: [bad.port] }, policy: { retry: { on } } })
    const post = await request(plane.url, { method: 'POST', body: 'x' })
    const put = await request(plane.url, { method: 'PUT', body: Readable.from([Buffer.from('streamed')]) })
    assert.deepEqual([post.statusCode, put.statusCode], [503, 503])
    assert.equal(bad.hits, 2)
    await Promise.all([post.body.dump(), put.body.dump()])
  })

  it('reaches the client by default, and with any other status', async () => {
    const bad = await instance(unavailable({}, 502))
    for (const policy of [{}, { retry: { on } }]) {
      const plane = await dataPlane({ upstreams: { app: [bad.port] }, policy })
      const answer = await request(plane.url)
      assert.equal(answer.statusCode, 502)
      await answer.body.dump()
    }
    assert.equal(bad.hits, 2)
  })
})

describe('Retry-After', () => {
  it('is waited for up to a second', async () => {
    let isReady = false
    const clock = new ManualClock()
    const app = await instance((incoming, response) => {
      if (isReady) response.end('ready')
      else unavailable({ 'retry-after': '1' })(incoming, response)
    })
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { retry: { on } }, clock })
    const answer = request(plane.url)
    await until('the first attempt was answered', () => plane.upstreams.get('app')?.stats.retries === 1)
    isReady = true
    await clock.advance(999)
    assert.equal(app.hits, 1)
    await clock.advance(1)
    assert.equal((await answer).statusCode, 200)
    assert.equal(app.hits, 2)
  })

  it('of more than that goes to the client with its answer', async () => {
    const [bad, good] = [await instance(unavailable({ 'retry-after': '2' })), await instance()]
    const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] }, policy: { retry: { on } } })
    const answers = [await request(plane.url), await request(plane.url)]
    assert.deepEqual(answers.map(({ statusCode }) => statusCode).toSorted(), [200, 503])
    await Promise.all(answers.map(({ body }) => body.dump()))
  })
})

describe('the pause before a retry', () => {
  it('is a random part of the backoff, which doubles up to its limit', async () => {
    const clock = new ManualClock()
    const app = await instance(unavailable())
    const retry = { attempts: 5, on, backoffMs: 100, maxBackoffMs: 250, budgetRatio: 1 }
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { retry }, clock, random: () => 0.5 })
    const answer = request(plane.url)
    for (const [retries, pauseMs] of [
      [1, 50],
      [2, 100],
      [3, 125],
      [4, 125],
    ] as const) {
      await until(`retry ${retries} is due`, () => plane.upstreams.get('app')?.stats.retries === retries)
      await clock.advance(pauseMs - 1)
      assert.equal(app.hits, retries)
      await clock.advance(1)
      await until('it is made', () => app.hits === retries + 1)
    }
    assert.equal((await answer).statusCode, 503)
  })

  it('is as long as Retry-After wants, where the config allows, but never beyond the time for the answer', async () => {
    for (const [wanted, statusCode, hits] of [
      ['8', 200, 2],
      ['20', 503, 1],
    ] as const) {
      const clock = new ManualClock()
      let isReady = false
      const app = await instance((incoming, response) => {
        if (isReady) response.end('ready')
        else unavailable({ 'retry-after': wanted })(incoming, response)
        isReady = true
      })
      const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { retry: { on, retryAfterMs: 60_000 } }, clock })
      const answer = request(plane.url)
      await until('the first attempt was answered', () => app.hits === 1 && (hits === 1 || clock.pending > 1))
      await clock.advance(8_000)
      assert.equal((await answer).statusCode, statusCode)
      assert.equal(app.hits, hits)
    }
  })
})

describe('a client that leaves during the pause before a retry', () => {
  it('costs no further attempt', async () => {
    const clock = new ManualClock()
    const app = await instance(unavailable({ 'retry-after': '1' }))
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { retry: { on } }, clock })
    const leaving = new AbortController()
    const answer = request(plane.url, { signal: leaving.signal })
    await until('the first attempt was answered', () => plane.upstreams.get('app')?.stats.retries === 1)
    leaving.abort()
    await assert.rejects(answer)
    await until('the exchange is over', () => plane.access.length === 1)
    await clock.advance(5_000)
    assert.equal(app.hits, 1)
  })
})

describe('the time for a single attempt', () => {
  it('ends it early enough for another one', async () => {
    const clock = new ManualClock()
    const app = await instance(hangOnce())
    const plane = await dataPlane({
      upstreams: { app: [app.port] },
      policy: { timeouts: { tryMs: 200, responseMs: 1_000 } },
      clock,
    })
    const answer = request(plane.url)
    await until('it is there', () => app.hits === 1)
    await clock.advance(150)
    assert.equal(plane.upstreams.get('app')?.stats.retries, 0)
    await clock.advance(150)
    assert.equal((await answer).statusCode, 200)
    assert.equal(plane.upstreams.get('app')?.stats.failures.get('upstream_timeout'), 1)
  })

  it('does not prolong the time for all attempts, and is none for what must not be repeated', async () => {
    const clock = new ManualClock()
    const app = await instance((incoming) => void incoming.resume())
    const policy = { timeouts: { tryMs: 400, responseMs: 700 }, retry: { attempts: 5 } }
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy, clock })
    for (const [method, hits] of [
      ['GET', 2],
      ['POST', 1],
    ] as const) {
      const before = app.hits
      const answer = request(plane.url, { method })
      await until('it is there', () => app.hits === before + 1)
      await clock.advance(480)
      if (hits === 2) await until('it is there again', () => app.hits === before + 2)
      await clock.advance(400)
      const { statusCode, body } = await answer
      assert.equal(statusCode, 504)
      assert.equal(errorCodeOf(await body.text()), 'upstream_timeout')
      assert.equal(app.hits - before, hits)
    }
  })
})

describe('an upstream that fails every request', () => {
  it('sees no more than 1.2 times its load, however many attempts are allowed', async () => {
    const app = await instance(unavailable())
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { retry: { attempts: 5, on } } })
    const client = new Pool(plane.url, { connections: 16 })
    cleanUp(() => client.destroy())
    const requests = 1_000
    await Promise.all(
      Array.from({ length: requests }, async () => {
        const { statusCode, body } = await client.request({ path: '/', method: 'GET' })
        assert.equal(statusCode, 503)
        await body.dump()
      }),
    )
    const load = app.hits / requests
    assert.ok(load > 1.15 && load <= 1.2, `${load} times`)
  })

  it('is left alone with a budget of nothing', async () => {
    const app = await instance(unavailable())
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { retry: { attempts: 5, on, budgetRatio: 0 } } })
    await (await request(plane.url)).body.dump()
    assert.equal(app.hits, 1)
  })
})

describe('an instance that answers with failures', () => {
  it('is out after so many in a row, so that clients see them no more', async () => {
    const [bad, good] = [await instance(unavailable()), await instance()]
    const outlier = { ...builtIn.outlier, consecutive: 3, ejectMs: 60_000, maxEjectedRatio: 0.5, on }
    const plane = await dataPlane({ upstreams: { app: [bad.port, good.port] }, policy: { outlier } })
    const statuses: number[] = []
    for (let i = 0; i < 40; i++) {
      const { statusCode, body } = await request(plane.url)
      statuses.push(statusCode)
      await body.dump()
    }
    assert.equal(statuses.filter((status) => status === 503).length, 3)
    assert.equal(bad.hits, 3)
  })
})
