import type { Clock } from '../../clock.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Downstream, Exchange, ProxyStatusLevel, RequestBody, RequestHead, Tunnel } from '../exchange.ts'
import { parseAuthority } from '../http/authority.ts'
import { fieldOf } from '../../http1/field.ts'
import { setField } from '../http/header-list.ts'
import type { DebugToken } from './debug-token.ts'
import type { ParsedRequest } from '../http1/request-head.ts'

export interface IntakeOptions {
  readonly clock: Clock
  readonly isTrusted: (address: string) => boolean
  readonly nextRequestId: () => string
  readonly proxyStatus: ProxyStatusLevel
  /** Null: nobody sees how requests go. */
  readonly debug: DebugToken | null
}

/** What belongs to a request beside its head. */
export interface Incoming {
  readonly clientAddress: string
  readonly body: RequestBody | null
  readonly downstream: Downstream
  readonly tunnel: Tunnel | null
}

/** Takes a request in: gives the exchange, or the code with which to refuse it. */
export function takeIn(
  { method, target, fields }: ParsedRequest,
  incoming: Incoming,
  options: IntakeOptions,
): Exchange | ErrorCode {
  const headers = fields.list
  // RFC 9112 §3.2.2: the service gets the authority of an absolute target, from which Host may differ in how it is written.
  if (target.authority !== null) setField(headers, 'Host', target.authority)
  const authority = parseAuthority(target.authority ?? fields.host)
  if (!authority) return 'bad_host'
  const { clientAddress, body, downstream, tunnel } = incoming
  const { clock, isTrusted, proxyStatus } = options
  const trusted = isTrusted(clientAddress)
  const isForProxy = target.authority !== null
  const request: RequestHead = {
    method,
    authority: authority.authority,
    host: authority.host,
    path: target.path,
    query: target.query,
    headers,
    clientAddress,
    requestId: (trusted ? givenRequestId(headers) : null) ?? options.nextRequestId(),
  }
  const since = clock.thisTurn()
  const exchange = { request, body, downstream, tunnel, isForProxy, trusted, isTrusted, proxyStatus, since }
  const trace = options.debug?.take(headers)
  return trace ? { ...exchange, trace } : exchange
}

/** A trusted peer's id, if it is fit for logs. */
function givenRequestId(headers: readonly string[]): string | null {
  const given = fieldOf(headers, 'x-request-id')
  return given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : null
}
