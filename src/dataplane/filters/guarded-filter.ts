import type { Clock } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Asker, LocalReply, RequestHead, ResponseHead } from '../exchange.ts'
import { assertFields } from '../http/legal-fields.ts'
import type { Filter } from './filter.ts'

export interface Guard {
  /** Names the filter in messages. */
  readonly name: string
  /** For one request, ms. */
  readonly timeoutMs: number
  readonly clock: Clock
}

type Thought = LocalReply | undefined

// RFC 9112 §3.2.1; "#" is never sent. What stands here goes into the request line.
const legalPath = /^\/[!"$-~]*$/
const legalQuery = /^(\?[!"$-~]*)?$/

/**
 * A filter that we did not write, kept from harm: what it throws is `filter_failed`, what takes too long is `filter_timeout`, and what it does to a
 * request counts only if it ends in time and is legal.
 */
export function guarded(filter: Filter, guard: Guard): Filter {
  const { name } = guard
  const onRequest = filter.onRequest?.bind(filter)
  const onRequestBody = filter.onRequestBody?.bind(filter)
  const onResponse = filter.onResponse?.bind(filter)
  const changesBody = filter.changesBody?.bind(filter)
  const onResponseBody = filter.onResponseBody?.bind(filter)
  const close = filter.close?.bind(filter)
  return {
    ...(onRequest && { onRequest: (request, asker) => guardedRequest(onRequest, request, asker, guard) }),
    ...(onRequestBody && { onRequestBody: (body) => failingAs(name, () => onRequestBody(body)) }),
    ...(onResponse && { onResponse: (head, request) => failingAs(name, () => checked(head, onResponse(head, request))) }),
    ...(changesBody && { changesBody: (head, request) => failingAs(name, () => changesBody(head, request)) }),
    ...(onResponseBody && { onResponseBody: (client, request) => failingAs(name, () => onResponseBody(client, request)) }),
    ...(close && { close: () => closed(close) }),
  }
}

function guardedRequest(
  onRequest: NonNullable<Filter['onRequest']>,
  request: RequestHead,
  asker: Asker,
  guard: Guard,
): Thought | Promise<Thought> {
  // It works on a copy: one that is too late must not change what is on its way by then.
  const draft: RequestHead = { ...request, headers: request.headers.slice() }
  const found = failingAs(guard.name, () => onRequest(draft, { ...asker, request: draft }))
  const settle = (reply: Thought): Thought => failingAs(guard.name, () => settled(request, draft, reply))
  return isThenable(found) ? inTime(Promise.resolve(found), guard).then(settle) : settle(found)
}

function settled(request: RequestHead, { path, query, headers, notes, totalMs }: RequestHead, reply: Thought): Thought {
  if (reply !== undefined) return legalReply(reply)
  if (!legalPath.test(path)) throw new Error(`it made the path ${JSON.stringify(path)}`)
  if (!legalQuery.test(query)) throw new Error(`it made the query ${JSON.stringify(query)}`)
  assertFields(headers)
  Object.assign(request, { path, query, headers, ...(notes && { notes }), ...(totalMs !== undefined && { totalMs }) })
  return undefined
}

function legalReply(reply: LocalReply): LocalReply {
  const { status, headers, body } = reply
  if (!isFinalStatus(status)) throw new Error(`it replied with the status ${JSON.stringify(status)}`)
  if (!Array.isArray(headers) || headers.length % 2 !== 0 || headers.some((part) => typeof part !== 'string'))
    throw new Error('the headers of its reply are no list of names and values')
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new Error('the body of its reply is neither text nor bytes')
  assertFields(headers)
  return { status, headers: headers.slice(), body }
}

async function inTime<T>(thinking: Promise<T>, { name, timeoutMs, clock }: Guard): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const why = new GatewayError('filter_timeout', `${name} has not ended within ${timeoutMs} ms`)
  const timer = clock.after(timeoutMs, () => reject(why))
  try {
    return await Promise.race([thinking, expired])
  } catch (error) {
    throw failure(name, error)
  } finally {
    timer.cancel()
  }
}

function failingAs<T>(name: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw failure(name, error)
  }
}

/** Its own codes are no codes of ours: who reads the metrics must find the filter. */
function failure(name: string, error: unknown): GatewayError {
  if (error instanceof GatewayError && error.code === 'filter_timeout') return error
  return new GatewayError('filter_failed', `${name}: ${messageOf(error)}`, { cause: error })
}

function checked({ status, headers }: ResponseHead, found: unknown): void {
  refusePromise(found)
  if (!isFinalStatus(status)) throw new Error(`it made the status ${JSON.stringify(status)}`)
  assertFields(headers)
}

function isFinalStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 599
}

function refusePromise(found: unknown): void {
  if (!isThenable(found)) return
  // Nobody waits for it, so nobody would hear of its failure either.
  Promise.resolve(found).catch(() => {})
  throw new Error('onResponse gave a promise: the answer does not wait for it')
}

function isThenable(found: unknown): found is PromiseLike<Thought> {
  return typeof (found as { readonly then?: unknown } | undefined)?.then === 'function'
}

function closed(run: () => void): void {
  try {
    run()
  } catch {
    // It is gone all the same, and the config that replaces it serves.
  }
}
