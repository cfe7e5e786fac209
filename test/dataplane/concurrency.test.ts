import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { WebSocket } from 'ws'
import type { ConcurrencyPolicy } from '../../src/dataplane/upstream/policy.ts'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import type { TestDataPlane } from '../support/data-plane.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { upstreamPolicy } from '../support/upstream-policy.ts'

const { dataPlane, instance, client, cleanUp } = dataPlaneFixture()

const concurrency: ConcurrencyPolicy = { requests: 1, perInstance: 0, queue: 10, queueTimeoutMs: 1_000 }

/** An instance that answers when it is told to, and keeps the paths it was asked for. */
async function holding() {
  const held: ServerResponse[] = []
  const paths: string[] = []
  const app = await instance((incoming, response) => {
    paths.push(incoming.url ?? '')
    held.push(response)
  })
  return { port: app.port, paths, answer: () => held.shift()?.end('done') }
}

function concurrencyOf(plane: TestDataPlane) {
  return plane.upstreams.get('app')?.gate.concurrency ?? assert.fail('the upstream has no limit')
}

async function waitFor(plane: TestDataPlane, active: number, waiting: number): Promise<void> {
  await until(`${active} are in and ${waiting} wait`, () => {
    const found = concurrencyOf(plane)
    return found.active === active && found.waiting === waiting
  })
}

describe('an upstream with a limit', () => {
  it('gets no more at a time; the others wait and come in the order they came', async () => {
    const app = await holding()
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { concurrency } })
    const answers: Promise<{ statusCode: number }>[] = []
    for (let at = 0; at < 5; at++) {
      answers.push(request(`${plane.url}/${at}`))
      await waitFor(plane, 1, at)
    }
    for (let done = 1; done <= 5; done++) {
      await until(`${done} are there`, () => app.paths.length === done)
      app.answer()
    }
    assert.deepEqual(
      (await Promise.all(answers)).map(({ statusCode }) => statusCode),
      [200, 200, 200, 200, 200],
    )
    assert.deepEqual(app.paths, ['/0', '/1', '/2', '/3', '/4'])
    await waitFor(plane, 0, 0)
  })

  it('answers 503 with Retry-After to those who find the queue full, and to those whose turn does not come in time', async () => {
    const clock = new ManualClock()
    const app = await holding()
    const policy = { concurrency: { ...concurrency, queue: 1 } }
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy, clock, proxyStatus: 'reason' })
    const first = request(plane.url)
    await waitFor(plane, 1, 0)
    const second = request(plane.url)
    await waitFor(plane, 1, 1)
    const third = await request(plane.url)
    assert.match(String(third.headers['proxy-status']), /connection_limit_reached; details="upstream_overloaded; 1 wait already"/)
    await clock.advance(1_100)
    const late = await second
    assert.match(String(late.headers['proxy-status']), /"upstream_overloaded; no turn within 1s, 1 are under way"/)
    for (const { statusCode, headers, body } of [third, late]) {
      assert.deepEqual([statusCode, headers['retry-after']], [503, '1'])
      assert.equal(errorCodeOf(await body.text()), 'upstream_overloaded')
    }
    app.answer()
    assert.equal((await first).statusCode, 200)
    assert.equal(app.paths.length, 1)
    assert.equal(plane.upstreams.get('app')?.gate.refused.upstream_overloaded, 2)
    await until('nothing is left', () => plane.gateway.stats.inFlight === 0)
    await clock.advance(100)
    assert.equal(clock.pending, 0)
  })

  it('forgets a client that leaves while it waits, and gives the turn of one that leaves while it is served to the next', async () => {
    const app = await holding()
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { concurrency } })
    const send = async (path: string) => {
      const raw = await client(plane.port)
      raw.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      return raw
    }
    const served = await send('/served')
    await waitFor(plane, 1, 0)
    const leaving = await send('/leaving')
    await waitFor(plane, 1, 1)
    await send('/next')
    await waitFor(plane, 1, 2)
    leaving.socket.destroy()
    await waitFor(plane, 1, 1)
    served.socket.destroy()
    await until('the next one is there', () => app.paths.at(-1) === '/next')
    assert.deepEqual(app.paths, ['/served', '/next'])
    assert.equal(plane.access.find(({ path }) => path === '/leaving')?.code, 'client_gone')
  })

  it('ends the wait with the time for the whole request', async () => {
    const clock = new ManualClock()
    const app = await holding()
    const policy = { concurrency: { ...concurrency, queueTimeoutMs: 60_000 }, timeouts: { totalMs: 2_000 } }
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy, clock })
    const first = request(plane.url)
    await waitFor(plane, 1, 0)
    const second = request(plane.url)
    await waitFor(plane, 1, 1)
    await clock.advance(2_100)
    for (const answer of [await first, await second]) {
      assert.equal(answer.statusCode, 504)
      assert.equal(errorCodeOf(await answer.body.text()), 'deadline_exceeded')
    }
    await waitFor(plane, 0, 0)
  })

  it('lets those who wait in when the limit is raised, or taken away', async () => {
    const app = await holding()
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { concurrency } })
    const answers = [1, 2, 3, 4].map((at) => request(`${plane.url}/${at}`))
    await waitFor(plane, 1, 3)
    plane.upstreams.get('app')?.setPolicy(upstreamPolicy({ concurrency: { ...concurrency, requests: 2 } }))
    await until('a second one is there', () => app.paths.length === 2)
    plane.upstreams.get('app')?.setPolicy(upstreamPolicy())
    await until('all are there', () => app.paths.length === 4)
    for (let i = 0; i < 4; i++) app.answer()
    for (const answer of answers) assert.equal((await answer).statusCode, 200)
  })

  it('counts WebSockets as long as they are open', async () => {
    const app = await holding()
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { concurrency } })
    const socket = new WebSocket(`ws://127.0.0.1:${plane.port}/`)
    socket.on('error', () => {})
    cleanUp(() => socket.terminate())
    await waitFor(plane, 1, 0)
    const answer = request(`${plane.url}/after`)
    await waitFor(plane, 1, 1)
    socket.terminate()
    await until('it is there', () => app.paths.at(-1) === '/after')
    while (app.answer());
    assert.equal((await answer).statusCode, 200)
  })
})

describe('an instance with a limit', () => {
  it('is passed over while it is busy, whatever the balancer says, and all wait when all are', async () => {
    const apps = [await holding(), await holding()]
    const policy = { concurrency: { ...concurrency, requests: 0, perInstance: 2 }, balance: { kind: 'random', options: {} } }
    const plane = await dataPlane({ upstreams: { app: apps.map(({ port }) => port) }, policy, random: () => 0 })
    const answers = Array.from({ length: 6 }, () => request(plane.url))
    await waitFor(plane, 4, 2)
    assert.deepEqual(
      apps.map(({ paths }) => paths.length),
      [2, 2],
    )
    apps[1]?.answer()
    await until('the next one is there', () => apps[1]?.paths.length === 3)
    await waitFor(plane, 4, 1)
    while (plane.gateway.stats.inFlight > 0) {
      for (const app of apps) app.answer()
      await new Promise(setImmediate)
    }
    for (const answer of answers) assert.equal((await answer).statusCode, 200)
  })

  it('that joins takes those who wait', async () => {
    const [busy, joining] = [await holding(), await holding()]
    const policy = { concurrency: { ...concurrency, requests: 0, perInstance: 1 } }
    const plane = await dataPlane({ upstreams: { app: [busy.port] }, policy })
    const answers = [request(plane.url), request(plane.url)]
    await waitFor(plane, 1, 1)
    plane.setPorts('app', [busy.port, joining.port])
    await until('it is there', () => joining.paths.length === 1)
    busy.answer()
    joining.answer()
    for (const answer of answers) assert.equal((await answer).statusCode, 200)
  })
})
