import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { once } from 'node:events'
import { describe, test, type TestContext } from 'node:test'
import { text } from 'node:stream/consumers'
import { createProbe, probeTable } from '../../src/health/table.ts'
import { startInstance, type Answer } from '../support/instance.ts'
import { selfSigned } from '../support/self-signed.ts'

const never = new AbortController().signal

function ask(port: number, value: object) {
  const options = probeTable['http']?.options.parse({ path: '/up', ...value })
  return createProbe({ kind: 'http', options })({ host: '127.0.0.1', port }, never)
}

async function serve(context: TestContext, answer: Answer): Promise<number> {
  const instance = await startInstance('instance', answer)
  context.after(() => instance.kill())
  return instance.port
}

function refused(value: object): string {
  return probeTable['http']?.options.safeParse({ path: '/up', ...value }).error?.message ?? 'accepted'
}

describe('the HTTP probe', () => {
  test('sends its method, its fields and its body', async (context) => {
    const seen: unknown[] = []
    const port = await serve(context, (request, response) => {
      void text(request).then((body) => {
        const { method, headers } = request
        seen.push([method, headers['x-token'], headers['content-length'], headers['user-agent'], body])
        response.end()
      })
    })
    const value = { method: 'POST', headers: { 'X-Token': 't', 'User-Agent': 'mine' }, body: 'grüße' }
    assert.deepEqual(await ask(port, value), { ok: true, detail: 'HTTP 200' })
    assert.deepEqual(await ask(port, { method: 'HEAD' }), { ok: true, detail: 'HTTP 200' })
    assert.deepEqual(seen, [
      ['POST', 't', '7', 'mine', 'grüße'],
      ['HEAD', undefined, undefined, 'meshgate-probe', ''],
    ])
  })

  test('asks another port of the same host', async (context) => {
    const port = await serve(context, (_request, response) => void response.end())
    assert.equal((await ask(1, { port })).ok, true)
  })

  test('accepts several ranges of statuses', async (context) => {
    let status = 200
    const port = await serve(context, (_request, response) => void response.writeHead(status).end())
    for (const [code, ok] of [
      [204, true],
      [401, true],
      [403, false],
      [500, false],
    ] as const) {
      status = code
      assert.equal((await ask(port, { status: ['200-299', '401'] })).ok, ok, String(code))
    }
  })

  test('wants a body that matches, in its first 64 KiB', async (context) => {
    let body = ''
    const port = await serve(context, (_request, response) => void response.end(body))
    const match = '"status": *"(ok|degraded)"'
    body = '{ "status":  "ok" }'
    assert.deepEqual(await ask(port, { match }), { ok: true, detail: 'HTTP 200' })
    body = '{ "status": "down" }'
    assert.deepEqual(await ask(port, { match }), { ok: false, detail: `HTTP 200, and the body does not match ${match}` })
    body = `${'x'.repeat(70_000)} "status": "ok"`
    assert.equal((await ask(port, { match })).ok, false)
  })

  test('refuses a pattern that is none or could take exponential time, and fields that it writes itself', () => {
    assert.match(refused({ match: '(a' }), /is not a regular expression/)
    assert.match(refused({ match: '(a+)+b' }), /exponential time/)
    assert.match(refused({ headers: { Host: 'a' } }), /written by the probe itself/)
    assert.match(refused({ headers: { 'x-a': 'b\r\nc: d' } }), /no line breaks/)
    assert.match(refused({ headers: { 'x a': 'b' } }), /not a header name/)
    assert.match(refused({ method: 'get' }), /in capitals/)
    assert.match(refused({ method: 'CONNECT' }), /write GET/)
    assert.match(refused({ status: [] }), /names no status/)
  })

  test('speaks TLS: a certificate that nobody vouches for fails, unless it is trusted or need not be valid', async (context) => {
    const certificate = selfSigned
    const server = createServer(certificate, (request, response) => void response.end(request.headers.host))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    context.after(() => server.close())
    const { port } = server.address() as { port: number }
    assert.match((await ask(port, { tls: {} })).detail, /self-signed|certificate/i)
    assert.equal((await ask(port, { tls: { verify: false } })).ok, true)
    assert.equal((await ask(port, { tls: { ca: certificate.cert } })).ok, true)
    assert.equal((await ask(port, {})).ok, false)
  })
})
