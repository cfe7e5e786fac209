import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { probeHttp } from '../../src/registry-server/checks/http-check.ts'
import { startInstance } from '../support/instance.ts'
import { checkDefinition } from './check-definition.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function startTarget(context: TestContext, answer: Answer): Promise<string> {
  const target = await startInstance('target', answer)
  context.after(() => target.kill())
  return `http://127.0.0.1:${target.port}/health`
}

const probe = (target: string, options: object = {}) =>
  probeHttp({ ...checkDefinition, kind: 'http', target, ...options }, systemClock, new AbortController().signal)

test('the body of an HTTP check arrives as the body of its request, whatever the method', async (context) => {
  const seen: string[] = []
  const target = await startTarget(context, (request, response) => {
    void text(request).then((body) => {
      seen.push(`${request.method} ${request.headers['content-length']} ${body}`)
      response.end()
    })
  })
  for (const method of ['GET', 'DELETE', 'POST']) await probe(target, { method, body: 'grüß' })
  await probe(target, { method: 'PUT', body: 'x', header: { 'Content-Length': ['5'], 'transfer-encoding': ['chunked'] } })
  assert.deepEqual(seen, ['GET 6 grüß', 'DELETE 6 grüß', 'POST 6 grüß', 'PUT 1 x'])
})

test('an HTTP check may name its Host, and headers in any case take the place of those that are sent anyway', async (context) => {
  const seen: (string | undefined)[] = []
  const target = await startTarget(context, ({ headers }, response) => {
    seen.push(headers.host, headers['user-agent'], headers.accept, Buffer.from(String(headers['x-a']), 'latin1').toString())
    response.end()
  })
  const header = { Host: ['shop.example'], 'user-agent': ['me'], ACCEPT: ['text/x'], 'X-A': ['1', 'grün'] }
  assert.equal((await probe(target, { header })).status, 'passing')
  assert.deepEqual(seen, ['shop.example', 'me', 'text/x', '1, grün'])
})

test('the status of an answer counts, also where its body breaks off', async (context) => {
  const cut = await startTarget(context, (_, response) => {
    response.writeHead(200, { 'Content-Length': 100 }).write('some', () => response.destroy())
  })
  assert.deepEqual(await probe(cut), { status: 'passing', output: `HTTP GET ${cut}: 200 OK Output: some` })
})
