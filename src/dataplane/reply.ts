import { errorTable, type ErrorCode } from '../errors.ts'
import type { Downstream, Exchange, Failure, HeaderList, LocalReply, RequestHead, ResponseHead } from './exchange.ts'
import { proxyStatus } from './proxy-status.ts'

/** The answer that carries an error: its code, one safe sentence and the request's id, never an upstream's address. */
export function errorReply(code: ErrorCode, requestId: string, hint?: string): LocalReply {
  const { status, sentence } = errorTable[code]
  const message = hint === undefined ? sentence : `${sentence} ${hint}`
  const body = `${JSON.stringify({ error: { code, message, requestId } })}\n`
  return { status: status ?? 500, headers: ['content-type', 'application/json', 'x-request-id', requestId], body }
}

/** The answer to an exchange that failed, at the endpoint `nextHop` if it got there: the error, when to come again, and Proxy-Status. */
export function failureReply(exchange: Exchange, failure: Failure, nextHop: string | null): LocalReply {
  const reply = errorReply(failure.code, exchange.request.requestId, failure.hint)
  const { retryAfterMs } = failure
  if (retryAfterMs !== undefined) reply.headers.push('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
  // RFC 9110 §11.7.1: some programs tell the password of their proxy only to one that asks for it.
  if (reply.status === 407) reply.headers.push('proxy-authenticate', 'Basic realm="meshgate"')
  return withProxyStatus(reply, exchange, failure, nextHop)
}

/** A local reply that refuses, with `Proxy-Status` as far as the listener of the exchange reveals it. */
export function withProxyStatus(
  reply: LocalReply,
  { proxyStatus: level = 'off' }: Pick<Exchange, 'proxyStatus'>,
  failure: Failure,
  nextHop: string | null = null,
): LocalReply {
  const value = proxyStatus(failure, level, nextHop)
  return value === null ? reply : { ...reply, headers: [...reply.headers, 'proxy-status', value] }
}

/** What a filter refuses a request with: the answer of an error, with fields of its own, that is counted and logged as that error. */
export function refusal(
  { requestId }: RequestHead,
  code: ErrorCode,
  { detail, headers = [] }: { readonly detail: string; readonly headers?: HeaderList },
): LocalReply {
  const reply = errorReply(code, requestId)
  return { ...reply, headers: [...reply.headers, ...headers], failure: { code, detail } }
}

/** Gives a whole answer of our own; `outgoing` is the route's say over its head. */
export function sendReply(downstream: Downstream, reply: LocalReply, outgoing: (head: ResponseHead) => ResponseHead): void {
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body
  // Without body there is no length either for those (RFC 9110 §8.6).
  const length = reply.status === 204 || reply.status === 304 ? [] : ['content-length', String(body.length)]
  downstream.head(outgoing({ status: reply.status, headers: [...reply.headers, ...length] }))
  if (body.length > 0) downstream.write(body)
  downstream.end()
}
