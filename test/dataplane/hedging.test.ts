import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { Pool, request } from 'undici'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import type { PolicyParts } from '../support/upstream-policy.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, rawInstance, cleanUp } = dataPlaneFixture()

const hedge = { afterMs: 100 }
/** Round-robin begins with the first one. */
const random = () => 0.99999

/** An instance that answers when it is told to, and tells who has left. */
async function holding(name: string) {
  const held: ServerResponse[] = []
  let gone = 0
  const app = await instance((_incoming, response) => {
    held.push(response)
    response.on('close', () => void (response.writableFinished || gone++))
  })
  return {
    port: app.port,
    get hits() {
      return app.hits
    },
    get gone() {
      return gone
    },
    answer: (status = 200) => held.shift()?.writeHead(status).end(name),
  }
}

async function start(policy: PolicyParts = {}) {
  const clock = new ManualClock()
  const [first, second] = [await holding('first'), await holding('second')]
  const plane = await dataPlane({ upstreams: { app: [first.port, second.port] }, policy: { hedge, ...policy }, clock, random })
  const stats = () => plane.upstreams.get('app')?.stats ?? assert.fail()
  return { clock, first, second, plane, stats }
}

describe('a second attempt beside a slow one', () => {
  it('is made after the time, at another instance; its answer wins, and the first attempt is aborted', async () => {
    const { clock, first, second, plane, stats } = await start()
    const answer = request(plane.url)
    await until('the first one has it', () => first.hits === 1)
    await clock.advance(99)
    assert.equal(second.hits, 0)
    await clock.advance(1)
    await until('the second one has it', () => second.hits === 1)
    second.answer()
    assert.equal(await (await answer).body.text(), 'second')
    await until('the first one is left', () => first.gone === 1)
    assert.deepEqual([stats().attempts, stats().hedges, stats().retries, stats().failures.size], [2, 1, 0, 0])
    await until('it is logged', () => plane.access.length === 1)
    assert.deepEqual([plane.access[0]?.attempts, plane.access[0]?.endpoint], [2, `127.0.0.1:${second.port}`])
    assert.equal(plane.inFlight(), 0)
  })

  it('loses if the first one answers after all', async () => {
    const { clock, first, second, plane } = await start()
    const answer = request(plane.url)
    await until('the first one has it', () => first.hits === 1)
    await clock.advance(100)
    await until('the second one has it', () => second.hits === 1)
    first.answer()
    assert.equal(await (await answer).body.text(), 'first')
    await until('the second one is left', () => second.gone === 1)
    assert.equal(plane.inFlight(), 0)
  })

  it('does not win with a failure while the first one may still answer', async () => {
    const { clock, first, second, plane } = await start()
    const answer = request(plane.url)
    await until('the first one has it', () => first.hits === 1)
    await clock.advance(100)
    await until('the second one has it', () => second.hits === 1)
    second.answer(500)
    await until('the second one is out', () => plane.inFlight() === 1)
    first.answer()
    const { statusCode, body } = await answer
    assert.deepEqual([statusCode, await body.text()], [200, 'first'])
  })

  it('stands in for the first one when that breaks, and the failure is that of the first', async () => {
    const clock = new ManualClock()
    const sockets: Socket[] = []
    const broken = await rawInstance((socket) => void sockets.push(socket))
    const good = await holding('good')
    const plane = await dataPlane({ upstreams: { app: [broken.port, good.port] }, policy: { hedge }, clock, random })
    const answer = request(plane.url)
    await until('it is sent', () => plane.inFlight() === 1 && broken.connections === 1)
    await clock.advance(100)
    await until('the second one has it', () => good.hits === 1)
    sockets[0]?.resetAndDestroy()
    await until('the first one is blamed', () => plane.troubles.length === 1)
    assert.deepEqual(plane.troubles, [`app 127.0.0.1:${broken.port}`])
    good.answer()
    assert.equal(await (await answer).body.text(), 'good')
  })

  it('is not made for an answer in time, a body, another method than may be repeated, a single instance, or without a budget', async () => {
    const { clock, first, second, plane } = await start()
    const quick = request(plane.url)
    await until('it is there', () => first.hits === 1)
    await clock.advance(50)
    first.answer()
    await (await quick).body.dump()
    for (const [method, body] of [
      ['PUT', 'x'],
      ['POST', null],
    ] as const) {
      const [hits, answer] = [first.hits + second.hits, request(plane.url, { method, body })]
      await until('it is there', () => first.hits + second.hits === hits + 1)
      await clock.advance(1_000)
      assert.equal(first.hits + second.hits, hits + 1)
      first.answer()
      second.answer()
      await (await answer).body.dump()
    }
    for (const policy of [{ retry: { attempts: 1 } }, { retry: { budgetRatio: 0 } }]) {
      const parts = await start(policy)
      const answer = request(parts.plane.url)
      await until('it is there', () => parts.first.hits === 1)
      await parts.clock.advance(1_000)
      assert.equal(parts.second.hits, 0)
      parts.first.answer()
      await (await answer).body.dump()
    }
    const single = await dataPlane({ upstreams: { app: [first.port] }, policy: { hedge }, clock })
    const [hits, answer] = [first.hits, request(single.url)]
    await until('it is there', () => first.hits === hits + 1)
    await clock.advance(1_000)
    first.answer()
    await (await answer).body.dump()
    assert.equal(single.upstreams.get('app')?.stats.hedges, 0)
  })

  it('leaves with the client, and with the time for the answer', async () => {
    const { clock, first, second, plane } = await start({ timeouts: { responseMs: 1_000 } })
    const leaving = new AbortController()
    const left = request(plane.url, { signal: leaving.signal })
    await until('the first one has it', () => first.hits === 1)
    await clock.advance(100)
    await until('the second one has it', () => second.hits === 1)
    leaving.abort()
    await assert.rejects(left)
    await until('both are left', () => first.gone === 1 && second.gone === 1 && plane.inFlight() === 0)
    const late = request(plane.url)
    await until('one has it', () => first.hits + second.hits === 3)
    await clock.advance(100)
    await until('both have it', () => first.hits + second.hits === 4)
    await clock.advance(1_000)
    const { statusCode, body } = await late
    assert.equal(statusCode, 504)
    await body.dump()
    await until('nothing is under way', () => plane.inFlight() === 0)
    await clock.advance(100)
    assert.equal(clock.pending, 0)
  })

  it('is no more than the budget allows when every answer is slow, together with the retries', async () => {
    const app = await instance((_incoming, response) => void setTimeout(() => response.writeHead(503).end(), 5))
    const other = await instance((_incoming, response) => void setTimeout(() => response.writeHead(503).end(), 5))
    const retry = { attempts: 5, on: { connect: true, reset: true, timeout: true, statuses: [[500, 599]] as const } }
    const policy = { hedge: { afterMs: 1 }, retry }
    const plane = await dataPlane({ upstreams: { app: [app.port, other.port] }, policy })
    const client = new Pool(plane.url, { connections: 16 })
    cleanUp(() => client.destroy())
    const requests = 500
    await Promise.all(
      Array.from({ length: requests }, async () => (await client.request({ path: '/', method: 'GET' })).body.dump()),
    )
    const load = (app.hits + other.hits) / requests
    assert.ok(load > 1.1 && load <= 1.22, `${load} times`)
    assert.ok((plane.upstreams.get('app')?.stats.hedges ?? 0) > 10)
  })
})
