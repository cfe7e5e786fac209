import { errors, type Dispatcher } from 'undici'
import type { HeaderList, RequestHead } from '../dataplane/exchange.ts'
import type { AttemptPolicy, Timeouts } from '../dataplane/upstream/policy.ts'
import { consistsOf, tokenOctets } from '../http1/octets.ts'
import { requestBody, type OutgoingBody } from './request-body.ts'
import { requestFields } from './request-fields.ts'

type Options = Dispatcher.DispatchOptions

/** What is sent to an instance. */
export interface CallRequest {
  readonly head: RequestHead
  readonly headers: HeaderList
  readonly body: OutgoingBody | null
  readonly timeouts: Partial<Timeouts> | null
}

const badPath = /[^\u0021-\u00ff]|#/

/** Takes a request to a service in undici's form. Throws undici's InvalidArgumentError for what cannot be sent. */
export function callRequest(options: Options, service: string): CallRequest {
  const { method } = options
  if (typeof method !== 'string' || method === '' || !consistsOf(tokenOctets, method))
    throw new errors.InvalidArgumentError('invalid request method')
  if (method === 'CONNECT') throw new errors.NotSupportedError('a service is called by its name: CONNECT is for addresses')
  const { list, lengthBytes } = requestFields(options.headers, service)
  const body = requestBody(options.body, lengthBytes)
  if (body && body.lengthBytes !== null) list.push('Content-Length', String(body.lengthBytes))
  if (body?.contentType !== undefined && !list.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type'))
    list.push('Content-Type', body.contentType)
  return { head: headOf(options, service, list), headers: list, body, timeouts: timeoutsOf(options) }
}

/** The policy of a service, with what a call says of its times. */
export function policyOf(policy: AttemptPolicy, { timeouts }: CallRequest): AttemptPolicy {
  return timeouts === null ? policy : { ...policy, timeouts: { ...policy.timeouts, ...timeouts } }
}

function headOf({ method, path, query }: Options, service: string, headers: HeaderList): RequestHead {
  if (typeof path !== 'string' || path[0] !== '/' || badPath.test(path))
    throw new errors.InvalidArgumentError('invalid request path')
  const target = query ? withQuery(path, query) : path
  const at = target.indexOf('?')
  return {
    method,
    authority: service,
    host: service,
    path: at < 0 ? target : target.slice(0, at),
    query: at < 0 ? '' : target.slice(at),
    headers,
    clientAddress: '127.0.0.1',
    requestId: '',
  }
}

function withQuery(path: string, query: Readonly<Record<string, unknown>>): string {
  if (path.includes('?')) throw new errors.InvalidArgumentError('query params cannot be passed when the path has some')
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, String(one ?? '')]),
  )
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`
}

/** undici's words for two of our times. */
function timeoutsOf({ headersTimeout, bodyTimeout }: Options): Partial<Timeouts> | null {
  if (headersTimeout === undefined && bodyTimeout === undefined) return null
  return {
    ...(typeof headersTimeout === 'number' ? { responseMs: limitMs('headersTimeout', headersTimeout) } : {}),
    ...(typeof bodyTimeout === 'number' ? { idleMs: limitMs('bodyTimeout', bodyTimeout) } : {}),
  }
}

/** 0 is no limit. */
function limitMs(name: string, given: number): number {
  if (!Number.isFinite(given) || given < 0) throw new errors.InvalidArgumentError(`invalid ${name}`)
  return given || Infinity
}
