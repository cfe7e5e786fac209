import assert from 'node:assert/strict'
import { request as nodeRequest, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { startMeasuredPlane, type MeasuredPlane } from '../support/measured-plane.ts'

const { instance, cleanUp } = dataPlaneFixture()

const MIB = 1024 * 1024
/** 1 GiB each way with MESHGATE_SOAK=1. */
const BODY_BYTES = process.env['MESHGATE_SOAK'] ? 1024 * MIB : 96 * MIB
const MOST_GROWTH_BYTES = 32 * MIB
const piece = Buffer.alloc(64 * 1024, 'z')

function body(totalBytes: number): Readable {
  let left = totalBytes
  return new Readable({
    read() {
      left -= piece.length
      this.push(left >= 0 ? piece : null)
    },
  })
}

/** Reads a stream to its end, more slowly than it could come; gives its length. */
async function readSlowly(stream: Readable): Promise<number> {
  let [length, sincePause] = [0, 0]
  for await (const chunk of stream) {
    length += (chunk as Buffer).length
    sincePause += (chunk as Buffer).length
    if (sincePause < 2 * MIB) continue
    sincePause = 0
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  return length
}

function pause(): Promise<boolean> {
  return new Promise((resolve) => setTimeout(resolve, 20, false))
}

/** The most that the gateway grows to while `run` runs. */
async function growthDuring(plane: MeasuredPlane, run: () => Promise<void>): Promise<number> {
  const before = (await plane.heldAtRest()).residentBytes
  let peak = before
  const running = run()
  const over = running.then(
    () => true,
    () => true,
  )
  while (!(await Promise.race([over, pause()]))) peak = Math.max(peak, (await plane.held()).residentBytes)
  await running
  return peak - before
}

async function start(onRequest: (incoming: IncomingMessage) => Readable | Promise<string>): Promise<MeasuredPlane> {
  const upstream = await instance((incoming, response) => {
    const answer = onRequest(incoming)
    if (incoming.headers['x-length']) response.setHeader('content-length', incoming.headers['x-length'])
    if (answer instanceof Readable) answer.pipe(response)
    else void answer.then((text) => response.end(text))
  })
  const plane = await startMeasuredPlane([upstream.port])
  cleanUp(() => plane.stop())
  return plane
}

for (const framing of ['with a length', 'chunked'] as const) {
  const field = (name: string, bytes: number): Record<string, string> => (framing === 'chunked' ? {} : { [name]: String(bytes) })

  describe(`a large body ${framing}`, () => {
    it('on its way up to a service that reads slowly takes less than 32 MiB', async (test) => {
      const plane = await start(async (incoming) => String(await readSlowly(incoming)))
      const upload = async (bytes: number): Promise<void> => {
        const request = nodeRequest(plane.url, { method: 'POST', headers: field('content-length', bytes) })
        body(bytes).pipe(request)
        const [answer] = (await once(request, 'response')) as [IncomingMessage]
        assert.equal(await new Response(Readable.toWeb(answer) as ReadableStream).text(), String(bytes))
      }
      // Code and kept connections are there before.
      await upload(MIB)
      const growth = await growthDuring(plane, () => upload(BODY_BYTES))
      test.diagnostic(`${BODY_BYTES / MIB} MiB up: resident memory grew by ${(growth / MIB).toFixed(1)} MiB`)
      assert.ok(growth < MOST_GROWTH_BYTES, `${growth / MIB} MiB`)
    })

    it('on its way down to a client that reads slowly takes less than 32 MiB', async (test) => {
      const plane = await start((incoming) => body(Number(incoming.url?.slice(1))))
      const download = async (bytes: number): Promise<void> => {
        const request = nodeRequest(`${plane.url}/${bytes}`, { headers: field('x-length', bytes) }).end()
        const [answer] = (await once(request, 'response')) as [IncomingMessage]
        assert.equal(await readSlowly(answer), bytes)
      }
      await download(MIB)
      const growth = await growthDuring(plane, () => download(BODY_BYTES))
      test.diagnostic(`${BODY_BYTES / MIB} MiB down: resident memory grew by ${(growth / MIB).toFixed(1)} MiB`)
      assert.ok(growth < MOST_GROWTH_BYTES, `${growth / MIB} MiB`)
    })
  })
}
