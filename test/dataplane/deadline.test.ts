import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { request } from 'undici'
import type { DeadlinePolicy } from '../../src/dataplane/upstream/policy.ts'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { startRecordingInstance } from '../support/recording-instance.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, client, cleanUp } = dataPlaneFixture()

const deadline: DeadlinePolicy = { header: 'X-Time-Left', format: 'ms', accept: true }
const trust = ['127.0.0.1']

async function recorder() {
  const recording = await startRecordingInstance()
  cleanUp(() => recording.kill())
  return recording
}

describe('the time for the whole request', () => {
  it('ends it over all attempts, blames no instance and is told by its own code', async () => {
    const clock = new ManualClock()
    const app = await instance((incoming) => void incoming.resume())
    const policy = { timeouts: { tryMs: 400, totalMs: 1_000, responseMs: 60_000 }, retry: { attempts: 5 } }
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy, clock })
    const answer = request(plane.url)
    for (const [hits, waitMs] of [
      [1, 480],
      [2, 480],
      [3, 100],
    ] as const) {
      await until(`attempt ${hits}`, () => app.hits === hits)
      await clock.advance(waitMs)
    }
    const { statusCode, body } = await answer
    assert.equal(statusCode, 504)
    assert.equal(errorCodeOf(await body.text()), 'deadline_exceeded')
    assert.equal(app.hits, 3)
    assert.equal(plane.upstreams.get('app')?.stats.failures.get('deadline_exceeded'), 1)
    assert.equal(plane.troubles.length, 2)
  })

  it('cuts an answer that is still under way, however fast its bytes come', async () => {
    const clock = new ManualClock()
    let answering: ServerResponse | undefined
    const app = await instance((_incoming, response) => {
      answering = response
      response.write('more')
    })
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { timeouts: { totalMs: 1_000 } }, clock })
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    for (let at = 1; at <= 9; at++) {
      await until(`piece ${at} is down`, () => raw.received().split('more').length === at + 1)
      await clock.advance(100)
      answering?.write('more')
    }
    await clock.advance(200)
    assert.doesNotMatch(await raw.closed, /0\r\n\r\n$/)
    await until('it is logged', () => plane.access[0]?.code === 'deadline_exceeded')
  })

  it('costs nothing and ends nothing when there is none', async () => {
    const clock = new ManualClock()
    const app = await instance()
    const plane = await dataPlane({ upstreams: { app: [app.port] }, clock })
    await clock.advance(3_600_000)
    assert.equal((await request(plane.url)).statusCode, 200)
  })
})

describe('the deadline in a header', () => {
  it('tells the upstream for how long this attempt is waited for: the least of what is left', async () => {
    for (const [timeouts, expected] of [
      [{ responseMs: 5_000 }, '5000'],
      [{ responseMs: 5_000, tryMs: 700 }, '700'],
      [{ responseMs: 5_000, tryMs: 700, totalMs: 300 }, '300'],
    ] as const) {
      const app = await recorder()
      const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { timeouts, deadline }, clock: new ManualClock() })
      await (await request(plane.url)).body.dump()
      assert.equal(app.requests[0]?.headers['x-time-left'], expected)
    }
  })

  it('is less for the second attempt', async () => {
    const clock = new ManualClock()
    const seen: unknown[] = []
    const app = await instance((incoming, response) => {
      seen.push(incoming.headers['x-time-left'])
      if (seen.length > 1) response.end()
    })
    const policy = { timeouts: { responseMs: 1_000, tryMs: 600 }, deadline }
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy, clock, random: () => 0 })
    const answer = request(plane.url)
    await until('it is there', () => seen.length === 1)
    await clock.advance(650)
    await (await answer).body.dump()
    assert.equal(seen[0], '600')
    assert.ok(Number(seen[1]) >= 350 && Number(seen[1]) <= 400, String(seen[1]))
  })

  for (const [format, written] of [
    ['ms', '1500'],
    ['seconds', '1.500'],
    ['grpc', '1500m'],
  ] as const) {
    it(`is read from a trusted caller and written as ${written} in the format ${format}`, async () => {
      const app = await recorder()
      const policy = { deadline: { ...deadline, format } }
      const plane = await dataPlane({ upstreams: { app: [app.port] }, policy, trust, clock: new ManualClock() })
      await (await request(plane.url, { headers: { 'x-time-left': written } })).body.dump()
      assert.equal(app.requests[0]?.headers['x-time-left'], written)
    })
  }

  it('reads every unit of gRPC', async () => {
    const app = await recorder()
    const policy = { timeouts: { responseMs: 86_400_000 }, deadline: { ...deadline, format: 'grpc' as const } }
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy, trust, clock: new ManualClock() })
    for (const text of ['1H', '2M', '3S', '4m', '5000u', '6000000n'])
      await (await request(plane.url, { headers: { 'x-time-left': text } })).body.dump()
    assert.deepEqual(
      app.requests.map(({ headers }) => headers['x-time-left']),
      ['3600000m', '120000m', '3000m', '4m', '5m', '6m'],
    )
  })

  it('of a caller that is not trusted, or not to be accepted, or nonsense, changes nothing and is not passed on', async () => {
    for (const [accept, peers, text] of [
      [true, [], '5'],
      [false, trust, '5'],
      [true, trust, 'soon'],
      [true, trust, '-1'],
      [true, trust, '5, 6'],
    ] as const) {
      const app = await recorder()
      const policy = { deadline: { ...deadline, accept } }
      const plane = await dataPlane({ upstreams: { app: [app.port] }, policy, trust: peers, clock: new ManualClock() })
      await (await request(plane.url, { headers: { 'x-time-left': text } })).body.dump()
      assert.deepEqual(app.requests[0]?.headers['x-time-left'], '15000', text)
    }
  })

  it('that is over already costs no attempt', async () => {
    const app = await recorder()
    const plane = await dataPlane({ upstreams: { app: [app.port] }, policy: { deadline }, trust })
    const answer = await request(plane.url, { headers: { 'x-time-left': '0' } })
    assert.equal(answer.statusCode, 504)
    assert.equal(errorCodeOf(await answer.body.text()), 'deadline_exceeded')
    assert.equal(app.requests.length, 0)
  })

  it('is not touched where nothing is configured', async () => {
    const app = await recorder()
    const plane = await dataPlane({ upstreams: { app: [app.port] } })
    await (await request(plane.url, { headers: { 'x-time-left': '7' } })).body.dump()
    assert.equal(app.requests[0]?.headers['x-time-left'], '7')
  })
})
