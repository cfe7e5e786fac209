import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { startDataPlane, type TestDataPlane } from '../support/data-plane.ts'
import { openRaw } from '../support/raw-socket.ts'
import { startRecordingInstance, type RecordingInstance } from '../support/recording-instance.ts'
import { until } from '../support/until.ts'

let upstream: RecordingInstance
let plane: TestDataPlane

before(async () => {
  upstream = await startRecordingInstance()
  plane = await startDataPlane({ upstreams: { app: [upstream.port] } })
})

after(async () => {
  await plane.close()
  await upstream.kill()
})

const valid = [
  'GET /one?x=1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 38\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\n',
  'POST /three HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n23\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n',
  'DELETE /four HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;ext=1\r\nhello\r\n0\r\nX: 1\r\n\r\n',
  'PUT /five HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: X-A, close\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello',
]

// What attacks are made of, so that the mutations come near to them.
const pieces = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  '\x0b',
  ':',
  ',',
  ';',
  '0\r\n\r\n',
  'Content-Length: 4\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Connection: Content-Length\r\n',
  'Connection: Transfer-Encoding\r\n',
  'GET /inserted HTTP/1.1\r\nHost: b\r\n\r\n',
]

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat({ max: 3 }),
  insert: fc.oneof(
    fc.constantFrom(...pieces),
    fc.constant(''),
    fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)),
  ),
})

const mutatedBytes = fc
  .record({
    requests: fc.array(fc.constantFrom(...valid), { minLength: 1, maxLength: 3 }),
    mutations: fc.array(mutation, { minLength: 1, maxLength: 2 }),
  })
  .map(({ requests, mutations }) =>
    mutations.reduce((text, { at, cut, insert }) => {
      const start = Math.floor(at * text.length)
      return text.slice(0, start) + insert + text.slice(start + cut)
    }, requests.join('')),
  )

/** Sends and leaves when nothing more comes. */
async function send(bytes: string): Promise<void> {
  const client = await openRaw(plane.port)
  client.send(bytes)
  await Promise.race([client.closed, new Promise((resolve) => setTimeout(resolve, 15))])
  client.socket.destroy()
  await until('nothing is under way', () => plane.gateway.stats.inFlight === 0)
}

describe('requests with bytes changed at random', () => {
  it('never make an upstream see a request that the gateway did not send', async () => {
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    console.log(`seed ${seed}`)
    await fc.assert(
      fc.asyncProperty(mutatedBytes, async (bytes) => {
        const seenBefore = upstream.requests.length
        await send(bytes)
        // Of all runs: what a client has left behind may reach the upstream late.
        const logged = new Map(plane.access.map((record) => [record.requestId, record]))
        for (const { method, url, headers } of upstream.requests.slice(seenBefore)) {
          const record = logged.get(String(headers['x-request-id']))
          assert.ok(record, `the gateway knows nothing of ${method} ${url}`)
          assert.deepEqual([method, url.split('?')[0]], [record.method, record.path])
        }
      }),
      { seed, numRuns: 400, endOnFailure: true },
    )
    assert.ok(upstream.requests.length > 10, 'too few requests came through for this to mean anything')
    assert.doesNotMatch(plane.log(), /exchange\.bug/)
  })
})
