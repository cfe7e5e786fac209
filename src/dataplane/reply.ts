import { errorTable, type ErrorCode } from '../errors.ts'
import type { Downstream, LocalReply, ResponseHead } from './exchange.ts'

/** The answer that carries an error: its code, one safe sentence and the request's id, never an upstream's address. */
export function errorReply(code: ErrorCode, requestId: string): LocalReply {
  const { status, sentence } = errorTable[code]
  const body = `${JSON.stringify({ error: { code, message: sentence, requestId } })}\n`
  return { status: status ?? 500, headers: ['content-type', 'application/json', 'x-request-id', requestId], body }
}

/** Gives a whole answer of our own; `outgoing` is the route's say over its head. */
export function sendReply(downstream: Downstream, reply: LocalReply, outgoing: (head: ResponseHead) => ResponseHead): void {
  const body = Buffer.from(reply.body)
  // Without body there is no length either for those (RFC 9110 §8.6).
  const length = reply.status === 204 || reply.status === 304 ? [] : ['content-length', String(body.length)]
  downstream.head(outgoing({ status: reply.status, headers: [...reply.headers, ...length] }))
  if (body.length > 0) downstream.write(body)
  downstream.end()
}
