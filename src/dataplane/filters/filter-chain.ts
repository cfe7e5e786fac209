import type { Clock } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Asker, Downstream, Exchange, Failure, LocalReply, RequestBody, RequestHead, ResponseHead } from '../exchange.ts'
import { withoutHopByHop } from '../http/hop-by-hop.ts'
import type { Filter } from './filter.ts'
import { FilteredDownstream } from './filtered-downstream.ts'

/** So long may one filter think about one request, ms: longer than every timeout that a filter's options allow. */
const LONGEST_THINKING_MS = 90_000

/** What filters make of a request. */
export type Thought = LocalReply | undefined | Promise<LocalReply | undefined>

/** The filters of a route, sorted by what they do: a request passes those that have something to do with it, and what none of them does costs nothing. */
export class FilterChain {
  /** In declared order. */
  readonly all: readonly Filter[]
  readonly #onRequest: readonly ((request: RequestHead, asker: Asker) => Thought)[]
  readonly #onRequestBody: readonly ((body: RequestBody) => RequestBody)[]
  /** In reverse order. */
  readonly #onResponse: readonly ((response: ResponseHead, request: RequestHead) => void)[]
  readonly #ofBodies: readonly Filter[]

  constructor(filters: readonly Filter[]) {
    this.all = filters
    this.#onRequest = filters.flatMap((filter) => filter.onRequest?.bind(filter) ?? [])
    this.#onRequestBody = filters.flatMap((filter) => filter.onRequestBody?.bind(filter) ?? [])
    this.#onResponse = filters.toReversed().flatMap((filter) => filter.onResponse?.bind(filter) ?? [])
    this.#ofBodies = filters.filter((filter) => 'onResponseBody' in filter)
  }

  /** Runs the request's side, at once unless a filter gives a promise. Gives the reply of the first filter that has one; throws what a filter
   *  throws, `filter_failed` for one that does not come to an end, `client_gone` if the client leaves meanwhile. */
  filterRequest(exchange: Exchange, clock: Clock): Thought {
    const { request } = exchange
    // Before filters and not only after them: a client must not name in Connection what a filter is going to tell the service.
    request.headers = withoutHopByHop(request.headers)
    return this.#filterFrom(0, exchange, clock)
  }

  /** The response's side, on the head. Throws `filter_failed`. */
  filterHead(head: ResponseHead, request: RequestHead): ResponseHead {
    try {
      for (const onResponse of this.#onResponse) onResponse(head, request)
      return head
    } catch (error) {
      throw new GatewayError('filter_failed', `a filter failed on the answer: ${messageOf(error)}`, { cause: error })
    }
  }

  /** The exchange with the client's side that filters may put before the client. */
  withFilteredAnswer(exchange: Exchange): Exchange {
    if (this.#ofBodies.length === 0) return exchange
    return { ...exchange, downstream: new FilteredDownstream(exchange.downstream, exchange.request, this.#ofBodies) }
  }

  /** The exchange with the request body that filters let through. */
  withFilteredBody(exchange: Exchange): Exchange {
    if (!exchange.body || this.#onRequestBody.length === 0) return exchange
    return { ...exchange, body: this.#onRequestBody.reduce((body, onRequestBody) => onRequestBody(body), exchange.body) }
  }

  #filterFrom(first: number, exchange: Exchange, clock: Clock): Thought {
    for (let at = first; at < this.#onRequest.length; at++) {
      const found = this.#onRequest[at]?.(exchange.request, exchange)
      if (found instanceof Promise) {
        return goOnAfter(inTime(found, exchange.downstream, clock), () => this.#filterFrom(at + 1, exchange, clock))
      }
      if (found) return found
    }
    return undefined
  }
}

/** Of a route without filters, or of none. */
export const noFilters = new FilterChain([])

async function goOnAfter(thinking: Promise<LocalReply | undefined>, goOn: () => Thought): Promise<LocalReply | undefined> {
  return (await thinking) ?? goOn()
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
