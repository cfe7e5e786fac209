import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../clock.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Downstream, Exchange, RequestBody, RequestHead, Tunnel } from '../exchange.ts'
import { parseAuthority } from '../http/authority.ts'
import { framingProblem } from '../http/framing.ts'
import { fieldOf, setField } from '../http/header-list.ts'
import { parseTarget } from '../http/target-path.ts'
import { RequestBodyStream } from './request-body.ts'

export interface IntakeOptions {
  readonly clock: Clock
  /** Fields in a request head at the most. */
  readonly headerCount: number
  readonly isTrusted: (address: string) => boolean
  readonly nextRequestId: () => string
}

/** Takes a request in: gives the exchange, or the code with which to refuse it. */
export function takeIn(
  incoming: IncomingMessage,
  { downstream, tunnel }: { downstream: Downstream; tunnel: Tunnel | null },
  options: IntakeOptions,
): Exchange | ErrorCode {
  const { rawHeaders, httpVersion, method = 'GET' } = incoming
  if (rawHeaders.length > 2 * options.headerCount) return 'header_too_large'
  const problem = framingProblem(rawHeaders, httpVersion)
  if (problem) return problem
  if (method === 'TRACE' || method === 'CONNECT') return 'method_not_supported'
  const target = parseTarget(incoming.url ?? '')
  if (!target) return 'bad_target'
  // RFC 9112 §3.2.2: an absolute target overrides Host, also for the service behind.
  if (target.authority !== null) setField(rawHeaders, 'Host', target.authority)
  const authority = parseAuthority(target.authority ?? fieldOf(rawHeaders, 'host') ?? '')
  if (!authority) return 'bad_host'
  const clientAddress = incoming.socket.remoteAddress ?? ''
  const trusted = options.isTrusted(clientAddress)
  const request: RequestHead = {
    method,
    authority: authority.authority,
    host: authority.host,
    path: target.path,
    query: target.query,
    headers: rawHeaders,
    clientAddress,
    requestId: (trusted ? givenRequestId(rawHeaders) : null) ?? options.nextRequestId(),
  }
  const { clock, isTrusted } = options
  return { request, body: bodyOf(incoming), downstream, tunnel, trusted, isTrusted, since: clock.monotonic() }
}

function bodyOf(incoming: IncomingMessage): RequestBody | null {
  const length = fieldOf(incoming.rawHeaders, 'content-length')
  if (length === '0') return null
  if (length !== undefined) return { lengthBytes: Number(length), stream: new RequestBodyStream(incoming) }
  if (fieldOf(incoming.rawHeaders, 'transfer-encoding') === undefined) return null
  return { lengthBytes: null, stream: new RequestBodyStream(incoming) }
}

/** A trusted peer's id, if it is fit for logs. */
function givenRequestId(headers: readonly string[]): string | null {
  const given = fieldOf(headers, 'x-request-id')
  return given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : null
}
