import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { startDataPlane, type TestDataPlane } from '../support/data-plane.ts'
import { openRaw, startRawInstance, type RawInstance } from '../support/raw-socket.ts'
import { until } from '../support/until.ts'
import { answerCases } from './http1/answer-cases.ts'

let upstream: RawInstance
let plane: TestDataPlane

afterEach(async () => {
  await plane.close()
  await upstream.kill()
})

const good = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'

/** Starts a service that gives `answer` first, and a good one to every request after it. */
async function start(answer: string): Promise<void> {
  let served = 0
  upstream = await startRawInstance((socket: Socket) => {
    socket.on('data', () => void socket.write(Buffer.from(served++ === 0 ? answer : good, 'latin1')))
  })
  plane = await startDataPlane({ upstreams: { app: [upstream.port] }, policy: { maxConnections: 1, retry: { attempts: 1 } } })
}

describe('the answer of a service', () => {
  for (const { rule, name, answer, gives } of answerCases) {
    it(`${rule}: ${name}${gives ? '' : ' is a 502'}, and its connection serves nobody else`, async () => {
      await start(answer)
      const client = await openRaw(plane.port)
      const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
      client.send(request)
      const final = /HTTP\/1\.1 ([2-5]\d\d) [^]*?\r\n\r\n([^]*)$/
      const [, status, body] = await until('the answer', () => final.exec(client.received()))
      if (gives) assert.deepEqual([Number(status), body], gives)
      else assert.match(client.received(), /^(?:HTTP\/1\.1 103 [^]*?\r\n\r\n)*HTTP\/1\.1 502 [^]*"upstream_protocol"/)
      const soFar = client.received().length
      client.send(request)
      await until('the next answer', () => client.received().length > soFar && client.received().endsWith('good'))
      assert.doesNotMatch(client.received(), /poison/)
      assert.equal(upstream.connections, gives && !name.includes('behind') ? 1 : 2)
      client.socket.destroy()
    })
  }
})
