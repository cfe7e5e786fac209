import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { filterOf } from '../support/filter.ts'
import { freePorts } from '../support/meshgate-process.ts'

const { dataPlane, instance } = dataPlaneFixture()
const token = 'a token that nobody guesses'
const debug = { header: 'X-Meshgate-Debug', token }

/** An instance that answers with the names of the fields that it got. */
const naming = () => instance((incoming, response) => void response.end(JSON.stringify(Object.keys(incoming.headers))))

const address = (port: number) => ({ host: '127.0.0.1', port })

describe('the debug header', () => {
  it('tells a client with the token which config, route, upstream and instance it was, and nobody else', async () => {
    const app = await naming()
    const plane = await dataPlane({ upstreams: { app: [app.port] }, debug })
    const ask = async (headers: Record<string, string>) => {
      const answer = await request(plane.url, { headers })
      assert.ok(!((await answer.body.json()) as string[]).includes('x-meshgate-debug'), 'no upstream sees the token')
      return answer.headers['x-meshgate-debug']
    }
    const [member] = plane.upstreams.get('app')?.members.all ?? []
    const at = `127.0.0.1:${app.port}`
    assert.equal(
      await ask({ 'x-meshgate-debug': token }),
      `meshgate; config=1; route="all"; upstream="app"; instance="${member?.id}"; attempts="${at}"`,
    )
    for (const wrong of ['', token.slice(1), `${token}x`, token.toUpperCase()])
      assert.equal(await ask({ 'x-meshgate-debug': wrong }), undefined)
    assert.equal(await ask({}), undefined)
  })

  it('is a field like any other where it is not configured', async () => {
    const app = await naming()
    const plane = await dataPlane({ upstreams: { app: [app.port] } })
    const answer = await request(plane.url, { headers: { 'x-meshgate-debug': token } })
    assert.ok(((await answer.body.json()) as string[]).includes('x-meshgate-debug'))
    assert.equal(answer.headers['x-meshgate-debug'], undefined)
  })

  it('is gone before routes and filters look at the request', async () => {
    const app = await naming()
    const seen: string[] = []
    const noting = { onRequest: ({ headers }: { headers: string[] }) => void seen.push(...headers) }
    const plane = await dataPlane({
      upstreams: { app: [app.port] },
      debug,
      routes: [
        { name: 'by-token', match: { path: '/*', headers: { 'x-meshgate-debug': token } }, to: { app: 1 } },
        { name: 'rest', match: { path: '/*' }, filters: [noting], to: { app: 1 } },
      ],
    })
    const answer = await request(plane.url, { headers: { 'x-meshgate-debug': token } })
    await answer.body.dump()
    assert.match(String(answer.headers['x-meshgate-debug']), /route="rest"/)
    assert.ok(seen.length > 0 && !seen.includes(token))
  })

  it('tells each attempt and why it was not the last', async () => {
    const [dead = 0] = await freePorts(1)
    const good = await instance()
    const plane = await dataPlane({ upstreams: { app: [dead, good.port] }, debug })
    const traces = []
    for (let i = 0; i < 2; i++) {
      const answer = await request(plane.url, { headers: { 'x-meshgate-debug': token } })
      await answer.body.dump()
      traces.push(String(answer.headers['x-meshgate-debug']))
    }
    const retried = `attempts="127.0.0.1:${dead} upstream_connect_failed, 127.0.0.1:${good.port}"`
    assert.ok(
      traces.some((trace) => trace.includes(retried)),
      traces.join('\n'),
    )
  })

  it('tells which instances were left out, in one line of limited length whatever they are called', async () => {
    const good = await instance()
    const plane = await dataPlane({ upstreams: { app: [good.port] }, debug })
    const evil = 'ill"\\\r\nset-cookie: a=b; ü'
    const ill = (at: number) =>
      ({ id: `${evil}${at}`, address: address(1 + at), weight: 1, exclusion: 'probe_failing', detail: evil.repeat(9) }) as const
    const well = { id: 'well', address: address(good.port), weight: 1, exclusion: null }
    plane.upstreams.get('app')?.setMembers([well, ...Array.from({ length: 40 }, (_, at) => ill(at))])
    const answer = await request(plane.url, { headers: { 'x-meshgate-debug': token } })
    await answer.body.dump()
    assert.equal(answer.headers['set-cookie'], undefined)
    const trace = String(answer.headers['x-meshgate-debug'])
    assert.match(
      trace,
      /^[ -~]*; instance="well"; [ -~]*; left-out="ill\\"\\\\\?\?set-cookie: a=b; \?0 probe_failing [ -~]*\.\.\."$/,
    )
    assert.ok(trace.length < 2_000, `${trace.length}`)
  })

  it('tells of answers of the gateway itself too', async () => {
    const plane = await dataPlane({
      upstreams: { app: [], web: [] },
      debug,
      routes: [
        { name: 'app', match: { path: '/app' }, to: { app: 1 } },
        { name: 'gone', match: { path: '/gone' }, filters: [filterOf('respond', { status: 410, body: 'gone' })], to: { web: 1 } },
      ],
    })
    const told = async (path: string) => {
      const answer = await request(plane.url + path, { headers: { 'x-meshgate-debug': token } })
      await answer.body.dump()
      return [answer.statusCode, answer.headers['x-meshgate-debug']]
    }
    assert.deepEqual(await told('/app'), [503, 'meshgate; config=1; route="app"; upstream="app"'])
    assert.deepEqual(await told('/gone'), [410, 'meshgate; config=1; route="gone"'])
    assert.deepEqual(await told('/none'), [404, 'meshgate; config=1'])
  })
})
