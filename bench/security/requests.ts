import { requestHead } from '../../src/dataplane/http1/request-head.ts'
import { RequestReader } from '../../src/http1/request-reader.ts'
import { openRaw, type RawClient } from '../../test/support/raw-socket.ts'
import { startRecordingInstance, type RecordingInstance } from '../../test/support/recording-instance.ts'
import type { RequestCase } from '../../test/security/http1/request-case.ts'
import type { Running } from '../gateways/contestant.ts'
import { isListening } from './is-listening.ts'

/**
 * What became of a case. `refused`: nothing of it reached the service. `repaired`: the service got something well-formed instead of what was sent.
 * `passed on`: the service got octets that break a rule. `smuggled`: the service saw more requests than the gateway answered. `waits`: the gateway
 * wants more of it. `crashed`: its process ended. `served`: as it should be, where it should be.
 */
export type RequestVerdict = 'served' | 'refused' | 'repaired' | 'passed on' | 'smuggled' | 'waits' | 'crashed'

/** Without an answer, ms. */
const PATIENCE_MS = 1_500
/** Without a byte more behind an answer, ms. */
const QUIET_MS = 120

/** Sends each case on a connection of its own, one after the other. Ends the gateway. */
export async function playRequests(
  cases: readonly RequestCase[],
  start: (port: number) => Promise<Running>,
): Promise<{ readonly version: string; readonly verdicts: readonly RequestVerdict[] }> {
  const service = await startRecordingInstance()
  let gateway = await start(service.port)
  const verdicts: RequestVerdict[] = []
  for (const one of cases) {
    // Some take a moment to die of a case.
    if (!(await isListening(gateway.port))) {
      verdicts.splice(-1, 1, 'crashed')
      gateway = await start(service.port)
    }
    verdicts.push(await playOne(one, gateway.port, service))
  }
  await gateway.stop()
  await service.kill()
  return { version: gateway.version, verdicts }
}

async function playOne(one: RequestCase, port: number, service: RecordingInstance): Promise<RequestVerdict> {
  const before = { streams: service.streams(), requests: service.requests.length }
  const client = await openRaw(port).catch(() => null)
  if (!client) return 'crashed'
  client.send(one.send)
  await untilQuiet(client)
  const answers = [...client.received().matchAll(/HTTP\/1\.[01] ([2-5]\d\d)/g)].map(([, status]) => Number(status))
  const isClosed = client.socket.closed
  client.socket.destroy()
  const streams = service.streams().map((stream, at) => stream.slice(before.streams[at]?.length ?? 0))
  const seen = service.requests.slice(before.requests)
  return verdictOn(one, { answers, isClosed, seen, streams: streams.filter((stream) => stream !== '') })
}

interface Observed {
  readonly answers: readonly number[]
  /** By the gateway. */
  readonly isClosed: boolean
  /** What came on each connection to the service. */
  readonly streams: readonly string[]
  /** As Node understands it. */
  readonly seen: readonly { readonly method: string; readonly url: string; readonly body: string }[]
}

function verdictOn({ reach = [], refuse }: RequestCase, { answers, isClosed, streams, seen }: Observed): RequestVerdict {
  const due = JSON.stringify(reach)
  const got = JSON.stringify(seen.map(({ method, url, body }) => [method, url, body]))
  if (streams.length === 0) return answers.length === 0 && refuse !== undefined && !isClosed ? 'waits' : 'refused'
  const strict = streams.map(strictly)
  const understood = Math.max(
    seen.length,
    strict.reduce((sum, { requests }) => sum + requests, 0),
  )
  if (understood > Math.max(answers.length, reach.length) || got.includes('/smuggled"')) return 'smuggled'
  if (due === got && reach.length > 0) return 'served'
  if (strict.some(({ isBroken }) => isBroken)) return 'passed on'
  return seen.length === 0 ? 'waits' : 'repaired'
}

/** How our own reader understands what came on a connection. */
function strictly(stream: string): { readonly requests: number; readonly isBroken: boolean } {
  let [requests, isBroken] = [0, false]
  const reader = new RequestReader({ headBytes: 65_536, headerCount: 200 }, requestHead, {
    onRequest: ({ hasBody }) => void (requests += hasBody ? 0 : 1),
    onBody: () => {},
    onBodyEnd: () => void requests++,
    onViolation: () => void (isBroken = true),
  })
  const bytes = Buffer.from(stream, 'latin1')
  for (let at = 0; at < bytes.length;) at = reader.read(bytes, at, bytes.length)
  return { requests, isBroken }
}

async function untilQuiet({ socket, received }: RawClient): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  let [length, since] = [0, performance.now()]
  while (!socket.closed && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (received().length !== length) [length, since] = [received().length, performance.now()]
    else if (length > 0 && performance.now() - since > QUIET_MS) return
  }
}
