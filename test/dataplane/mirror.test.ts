import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { request } from 'undici'
import { Mirror, type MirrorPolicy } from '../../src/dataplane/upstream/mirror.ts'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import type { Answer } from '../support/instance.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'

const { dataPlane, instance, client } = dataPlaneFixture()

const everything: MirrorPolicy = { ratio: 1, maxInFlight: 100, timeoutMs: 5_000 }
const fine: Answer = (_request, response) => void response.end('fine')

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly body: string
}

/** A gateway whose only route goes to `main` and is mirrored to `copy`, and what the two got. */
async function start({
  policy = {},
  main = fine,
  copy = fine,
  clock,
  copyPort,
}: {
  policy?: Partial<MirrorPolicy>
  main?: Answer
  copy?: Answer
  clock?: ManualClock
  copyPort?: number
} = {}) {
  const seen: Record<'main' | 'copy', Seen[]> = { main: [], copy: [] }
  const server = (name: 'main' | 'copy', answer: Answer) =>
    instance((received, response) => {
      void bodyOf(received).then((body) => {
        seen[name].push({ method: received.method, url: received.url, body })
        answer(received, response)
      })
    })
  const upstreams = { main: [(await server('main', main)).port], copy: [copyPort ?? (await server('copy', copy)).port] }
  const plane = await dataPlane({ upstreams, ...(clock && { clock }) })
  const target = plane.upstreams.get('copy')
  assert.ok(target)
  const mirror = new Mirror({ upstream: target, picker: target }, { ...everything, ...policy })
  const { snapshot } = plane.gateway
  const routes = snapshot.routes.map((route) => ({ ...route, mirror }))
  plane.gateway.snapshot = { ...snapshot, routes, router: { find: () => routes[0] ?? null } }
  return { plane, seen, target, mirrored: target.mirrored }
}

function byUrl(seen: readonly Seen[]): readonly Seen[] {
  return seen.toSorted((a, b) => String(a.url).localeCompare(String(b.url)))
}

async function bodyOf(received: IncomingMessage): Promise<string> {
  return text(received).catch(() => 'broken off')
}

async function call(url: string, options: Parameters<typeof request>[1] = {}) {
  const { statusCode, body } = await request(url, options)
  return { status: statusCode, body: await body.text() }
}

describe('a mirror', () => {
  it('gets the request as the service gets it, with its body, and its answer goes nowhere', async () => {
    const { plane, seen, mirrored } = await start({
      copy: (_request, response) => void response.writeHead(404).end('of the copy'),
    })
    const answers = [
      await call(`${plane.url}/a?b=1`),
      await call(`${plane.url}/p`, { method: 'POST', body: 'a body' }),
      await call(`${plane.url}/q`, { method: 'PUT', body: 'x'.repeat(60_000) }),
    ]
    for (const answer of answers) assert.deepEqual(answer, { status: 200, body: 'fine' })
    await until('all copies are answered', () => mirrored.sent === 3)
    assert.deepEqual(byUrl(seen.copy), byUrl(seen.main))
    assert.deepEqual(mirrored, { sent: 3, failed: 0, skipped: 0, inFlight: 0 })
  })

  it('gets a body that comes in pieces, without a length', async () => {
    const { plane, seen, mirrored } = await start()
    const { socket } = await client(plane.port)
    socket.write('POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await until('the service has the request', () => plane.inFlight() > 0)
    assert.equal(seen.copy.length, 0)
    socket.write('2\r\nde\r\n0\r\n\r\n')
    await until('the copy is answered', () => mirrored.sent === 1)
    assert.deepEqual(seen.copy, [{ method: 'POST', url: '/s', body: 'abcde' }])
    assert.deepEqual(seen.main, seen.copy)
  })

  it('gets no body that is larger than 64 KiB, which the service gets whole', async () => {
    const { plane, seen, mirrored } = await start()
    const large = 'x'.repeat(200_000)
    assert.equal((await call(plane.url, { method: 'POST', body: large })).status, 200)
    const pieces = Readable.from(Array.from({ length: 20 }, () => Buffer.from(large.slice(0, 10_000))))
    assert.equal((await call(plane.url, { method: 'POST', body: pieces })).status, 200)
    assert.deepEqual(
      seen.main.map(({ body }) => body.length),
      [200_000, 200_000],
    )
    assert.deepEqual([seen.copy, mirrored], [[], { sent: 0, failed: 0, skipped: 2, inFlight: 0 }])
  })

  it('holds nobody up when it hangs; more than its limit are left out, and its time ends it', async () => {
    const clock = new ManualClock()
    const { plane, mirrored, target } = await start({ policy: { maxInFlight: 3, timeoutMs: 500 }, copy: () => {}, clock })
    for (let i = 0; i < 10; i++) assert.equal((await call(plane.url)).status, 200)
    assert.deepEqual(mirrored, { sent: 0, failed: 0, skipped: 7, inFlight: 3 })
    await clock.advance(600)
    assert.deepEqual(mirrored, { sent: 0, failed: 3, skipped: 7, inFlight: 0 })
    assert.equal(target.members.all[0]?.endpoint.inFlight, 0)
  })

  it('fails alone: no error, no retry, no ejection and no failed attempt is counted for it', async () => {
    const [port = 0] = await freePorts(1)
    const refusing = await start({ copyPort: port })
    const failing = await start({ copy: (_request, response) => void response.writeHead(503).end() })
    const cutting = await start({ copy: (_request, response) => void response.destroy() })
    for (const { plane, mirrored, target } of [refusing, failing, cutting]) {
      for (let i = 0; i < 5; i++) assert.equal((await call(plane.url)).status, 200)
      await until('all have failed', () => mirrored.failed === 5)
      const { attempts: tries, retries, ejections, failures } = target.stats
      assert.deepEqual([tries, retries, ejections, failures.size], [0, 0, 0, 0])
      assert.deepEqual(plane.troubles, [])
      assert.ok(plane.access.every(({ upstream, code, attempts }) => upstream === 'main' && code === null && attempts === 1))
    }
  })

  it('without an instance gets nothing, and the service is served all the same', async () => {
    const { plane, mirrored } = await start()
    plane.setPorts('copy', [])
    assert.equal((await call(plane.url)).status, 200)
    assert.deepEqual(mirrored, { sent: 0, failed: 0, skipped: 1, inFlight: 0 })
  })

  it('forgets a request whose client leaves before its body has come', async () => {
    const { plane, seen, mirrored } = await start()
    const { socket } = await client(plane.port)
    socket.write('POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
    await until('it is under way', () => mirrored.inFlight === 1)
    socket.destroy()
    await until('it is left out', () => mirrored.skipped === 1)
    assert.deepEqual([seen.copy, mirrored.inFlight], [[], 0])
  })

  it('gets its share of the requests', async () => {
    const { plane, mirrored } = await start({ policy: { ratio: 0.2 } })
    for (let i = 0; i < 200; i++) await call(plane.url)
    await until('the copies have ended', () => mirrored.inFlight === 0)
    assert.ok(mirrored.sent > 15 && mirrored.sent < 80, `${mirrored.sent} of 200`)
  })
})
