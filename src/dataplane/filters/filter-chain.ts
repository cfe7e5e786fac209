import type { Clock } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Downstream, Exchange, Failure, LocalReply, RequestHead, ResponseHead } from '../exchange.ts'
import { withoutHopByHop } from '../http/hop-by-hop.ts'
import { assertFields } from '../http/legal-fields.ts'
import type { Filter } from './filter.ts'

/** So long may one filter think about one request, ms: longer than every timeout that a filter's options allow. */
const LONGEST_THINKING_MS = 90_000

/** Runs the request's side, at once unless a filter gives a promise. Gives the reply of the first filter that has one; throws what a filter
 *  throws, `filter_failed` for one that does not come to an end, `client_gone` if the client leaves meanwhile. */
export function filterRequest(filters: readonly Filter[], exchange: Exchange, clock: Clock): Thought {
  const { request } = exchange
  // Before filters and not only after them: a client must not name in Connection what a filter is going to tell the service.
  request.headers = withoutHopByHop(request.headers)
  return runFrom(0, filters, { exchange, clock })
}

type Thought = LocalReply | undefined | Promise<LocalReply | undefined>

interface Run {
  readonly exchange: Exchange
  readonly clock: Clock
}

function runFrom(first: number, filters: readonly Filter[], run: Run): Thought {
  const { exchange } = run
  const { request } = exchange
  for (let at = first; at < filters.length; at++) {
    const found = filters[at]?.onRequest?.(request, exchange)
    if (found instanceof Promise) return goOnAfter(found, at + 1, filters, run)
    if (found) return found
  }
  assertFields(request.headers)
  return undefined
}

async function goOnAfter(
  thinking: Promise<LocalReply | undefined>,
  next: number,
  filters: readonly Filter[],
  run: Run,
): Promise<LocalReply | undefined> {
  const reply = await inTime(thinking, run.exchange.downstream, run.clock)
  return reply ?? runFrom(next, filters, run)
}

function inTime<T>(thinking: Promise<T>, downstream: Downstream, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(LONGEST_THINKING_MS, () =>
      end(() => reject(new GatewayError('filter_failed', `a filter has not ended within ${LONGEST_THINKING_MS} ms`))),
    )
    const end = (settle: () => void): void => {
      timer.cancel()
      downstream.onGone = null
      settle()
    }
    downstream.onGone = () => end(() => reject(new GatewayError('client_gone', 'the client left while a filter was at work')))
    thinking.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error instanceof Error ? error : new Error(String(error)))),
    )
  })
}

/** Why an exchange fails when a filter threw that. */
export function filterFailure(error: unknown): Failure {
  return { code: error instanceof GatewayError ? error.code : 'filter_failed', detail: messageOf(error) }
}

/** The response's side, on the head. Throws `filter_failed`. */
export function filterHead(filters: readonly Filter[], head: ResponseHead, request: RequestHead): ResponseHead {
  try {
    for (let at = filters.length - 1; at >= 0; at--) filters[at]?.onResponse?.(head, request)
    assertFields(head.headers)
    return head
  } catch (error) {
    throw new GatewayError('filter_failed', `a filter failed on the answer: ${messageOf(error)}`, { cause: error })
  }
}

/** The exchange with the client's side that filters put before the client. */
export function withFilteredAnswer(exchange: Exchange, filters: readonly Filter[]): Exchange {
  let { downstream } = exchange
  for (const filter of filters) if (filter.onResponseBody) downstream = filter.onResponseBody(downstream, exchange.request)
  return downstream === exchange.downstream ? exchange : { ...exchange, downstream }
}

/** The exchange with the request body that filters let through. */
export function withFilteredBody(exchange: Exchange, filters: readonly Filter[]): Exchange {
  let { body } = exchange
  for (const filter of filters) if (body && filter.onRequestBody) body = filter.onRequestBody(body)
  return body === exchange.body ? exchange : { ...exchange, body }
}
