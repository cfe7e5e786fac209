import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { startDataPlane, type TestDataPlane } from '../support/data-plane.ts'
import { openRaw } from '../support/raw-socket.ts'
import { startRecordingInstance, type RecordingInstance } from '../support/recording-instance.ts'
import { until } from '../support/until.ts'
import { bodyCases } from './http1/body-cases.ts'
import { headCases } from './http1/head-cases.ts'
import type { RequestCase } from './http1/request-case.ts'

let upstream: RecordingInstance
let plane: TestDataPlane

before(async () => {
  upstream = await startRecordingInstance()
  plane = await startDataPlane({ upstreams: { app: [upstream.port] }, limits: { headBytes: 8_192, headerCount: 50 } })
})

after(async () => {
  await plane.close()
  await upstream.kill()
})

beforeEach(() => {
  upstream.requests.length = 0
})

function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

/** Sends the octets cut at `cut`, and waits until every answer that is due has come. */
async function run({ send, reach = [], refuse }: RequestCase, cut: number): Promise<void> {
  const client = await openRaw(plane.port)
  const expected = [...reach.map(() => 200), ...(refuse === undefined ? [] : [refuse])]
  client.send(send.slice(0, cut))
  if (cut < send.length) {
    await new Promise((resolve) => setImmediate(resolve))
    client.send(send.slice(cut))
  }
  await until(
    `answers ${expected.join(', ')}; so far: ${client.received()}`,
    () => statusesIn(client.received()).length >= expected.length,
    5_000,
  )
  // Who refuses ends the connection: where another request would begin is not known.
  if (refuse !== undefined) await client.closed
  assert.deepEqual(statusesIn(client.received()), expected)
  client.socket.destroy()
  const seen = upstream.requests.map(({ method, url, body }) => [method, url, body])
  assert.deepEqual(seen, reach)
}

for (const [what, cases] of Object.entries({ head: headCases, body: bodyCases })) {
  describe(`the ${what} of a request`, () => {
    for (const one of cases) {
      it(`${one.rule}: ${one.name}${one.refuse === undefined ? '' : ` is refused with ${one.refuse}`}`, async () => {
        await run(one, one.send.length)
        upstream.requests.length = 0
        await run(one, Math.floor(one.send.length / 2))
      })
    }
  })
}

describe('the cases', () => {
  it('are many, and each has a name of its own', () => {
    const names = [...headCases, ...bodyCases].map(({ rule, name }) => `${rule}: ${name}`)
    assert.equal(new Set(names).size, names.length)
    assert.ok(names.length >= 120, `${names.length}`)
  })
})
