import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as nodeRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'

const { dataPlane, instance } = dataPlaneFixture()

/** Bytes that do not repeat, in pieces of many sizes: what is overwritten or mixed up shows. */
function pieces(totalBytes: number): Buffer[] {
  const all: Buffer[] = []
  let [made, state] = [0, 1]
  while (made < totalBytes) {
    state = (state * 48_271) % 2_147_483_647
    const piece = Buffer.alloc(1 + (state % ([100, 5_000, 20_000, 90_000][all.length % 4] ?? 1)))
    for (let i = 0; i < piece.length; i++) piece[i] = (made + i * 31 + (i >> 8)) & 0xff
    all.push(piece)
    made += piece.length
  }
  return all
}

function hashOf(chunks: readonly Buffer[]): string {
  return createHash('sha256').update(Buffer.concat(chunks)).digest('hex')
}

describe('bytes', () => {
  for (const framing of ['chunked', 'a length'] as const) {
    it(`of many answers at once arrive as they were sent, also at clients that read slowly: ${framing}`, async () => {
      const body = pieces(3_000_000)
      const length = body.reduce((sum, piece) => sum + piece.length, 0)
      const send = async (response: ServerResponse): Promise<void> => {
        if (framing === 'a length') response.setHeader('content-length', length)
        for (const piece of body) if (!response.write(piece)) await once(response, 'drain')
        response.end()
      }
      const upstream = await instance((_incoming, response) => void send(response))
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const hashes = await Promise.all(
        Array.from({ length: 6 }, async (_, at) => {
          const [answer] = (await once(nodeRequest(plane.url).end(), 'response')) as [IncomingMessage]
          const received: Buffer[] = []
          for await (const chunk of answer) {
            received.push(chunk as Buffer)
            if (at % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
          }
          return hashOf(received)
        }),
      )
      assert.deepEqual(new Set(hashes), new Set([hashOf(body)]))
    })

    it(`of a request arrive as they were sent: ${framing}`, async () => {
      const body = pieces(2_000_000)
      const take = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
        const received: Buffer[] = []
        for await (const chunk of incoming) {
          received.push(chunk as Buffer)
          if (received.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
        }
        response.end(hashOf(received))
      }
      const upstream = await instance((incoming, response) => void take(incoming, response))
      const plane = await dataPlane({ upstreams: { app: [upstream.port] } })
      const length = body.reduce((sum, piece) => sum + piece.length, 0)
      const headers = framing === 'a length' ? { 'content-length': length } : {}
      const upload = nodeRequest(plane.url, { method: 'POST', headers })
      const answered = once(upload, 'response')
      for (const piece of body) if (!upload.write(piece)) await once(upload, 'drain')
      upload.end()
      const [answer] = (await answered) as [IncomingMessage]
      assert.equal(Buffer.concat((await answer.toArray()) as Buffer[]).toString(), hashOf(body))
    })
  }
})
