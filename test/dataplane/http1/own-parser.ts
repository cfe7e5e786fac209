import { requestHead, type ParsedRequest } from '../../../src/dataplane/http1/request-head.ts'
import { RequestReader } from '../../../src/http1/request-reader.ts'
import type { ParsedResponse } from '../../../src/dataplane/http1/response-head.ts'
import { ResponseReader } from '../../../src/dataplane/http1/response-reader.ts'
import type { Violation } from '../../../src/http1/violation.ts'
import type { ReadMessage } from './node-parser.ts'

/** What our reader made of some octets. */
export interface OwnReading {
  readonly messages: readonly ReadMessage[]
  readonly violation: Violation | null
  /** Whether it waits for the rest of a body. */
  readonly isInBody: boolean
  /** Answers before the answer. */
  readonly interims: readonly number[]
}

const limits = { headBytes: 64 * 1024, headerCount: 1_000 }

/** Has our reader read requests that come in these pieces. */
export function readRequests(pieces: readonly Buffer[], own = limits): OwnReading {
  const messages: ReadMessage[] = []
  let [violation, current, body]: [Violation | null, ParsedRequest | null, string] = [null, null, '']
  const finish = (): void => {
    if (current) messages.push({ start: `${current.method} ${current.rawTarget}`, headers: current.fields.list, body })
    body = ''
  }
  const reader = new RequestReader(own, requestHead, {
    onRequest: (request) => {
      current = request
      if (!request.hasBody) finish()
    },
    onBody: (chunk) => void (body += chunk.toString('latin1')),
    onBodyEnd: finish,
    onViolation: (found) => void (violation = found),
  })
  // What stands behind the last request of a connection is read by nobody.
  const goesOn = (): boolean => !violation && (reader.isInBody || current?.persists !== false)
  for (const piece of pieces) for (let at = 0; at < piece.length && goesOn();) at = reader.read(piece, at, piece.length)
  return { messages, violation, isInBody: reader.isInBody, interims: [] }
}

/** Has our reader read the answer to a request of that method, in these pieces; `isClosed`: the connection ends behind it. */
export function readResponse(pieces: readonly Buffer[], method: string, isClosed: boolean, own = limits): OwnReading {
  const [messages, interims]: [ReadMessage[], number[]] = [[], []]
  let [violation, head, body]: [Violation | null, ParsedResponse | null, string] = [null, null, '']
  let isWhole = false
  const reader = new ResponseReader(own, {
    onInterim: ({ status }) => void interims.push(status),
    onHead: (response) => void (head = response),
    onBody: (chunk) => void (body += chunk.toString('latin1')),
    onEnd: () => {
      isWhole = true
      if (head) messages.push({ start: String(head.status), headers: head.fields.list, body })
    },
    onViolation: (found) => void (violation = found),
  })
  reader.begin(method)
  for (const piece of pieces) reader.read(piece, piece.length)
  if (isClosed && !violation) reader.end()
  return { messages, violation, isInBody: head !== null && !isWhole, interims }
}

/** Cuts octets at these places. */
export function cutAt(octets: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (octets.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...cuts].map((from, at) => octets.subarray(from, cuts[at] ?? octets.length)).filter(({ length }) => length > 0)
}
