import type { ErrorCode, errorTable } from '../errors.ts'
import type { Failure, ProxyStatusLevel } from './exchange.ts'

/** Codes that a reply may carry. */
type ReplyCode = { [Code in ErrorCode]: (typeof errorTable)[Code]['status'] extends null ? never : Code }[ErrorCode]

/** Every code that a reply may carry, as the error type of RFC 9209 §2.3 that is nearest. */
export const proxyErrorOf: Readonly<Record<ReplyCode, string>> = {
  bad_request: 'http_request_error',
  ambiguous_framing: 'http_request_error',
  bad_target: 'http_request_error',
  bad_host: 'http_request_error',
  header_too_large: 'http_request_error',
  request_timeout: 'http_request_error',
  expectation_failed: 'http_request_error',
  method_not_supported: 'http_request_error',
  body_too_large: 'http_request_error',
  no_route: 'destination_not_found',
  not_a_mesh_service: 'destination_not_found',
  service_unknown: 'destination_not_found',
  port_not_registered: 'destination_not_found',
  mesh_denied: 'http_request_denied',
  mesh_token_required: 'http_request_denied',
  mesh_token_invalid: 'http_request_denied',
  mesh_full: 'connection_limit_reached',
  loop_detected: 'proxy_loop_detected',
  unauthorized: 'http_request_denied',
  forbidden: 'http_request_denied',
  rate_limited: 'http_request_denied',
  auth_unavailable: 'proxy_internal_error',
  fault_injected: 'proxy_internal_response',
  no_instance: 'destination_unavailable',
  no_healthy_instance: 'destination_unavailable',
  upstream_unknown: 'destination_unavailable',
  upstream_overloaded: 'connection_limit_reached',
  circuit_open: 'destination_unavailable',
  upstream_connect_failed: 'connection_refused',
  upstream_connect_timeout: 'connection_timeout',
  upstream_reset: 'connection_terminated',
  upstream_protocol: 'http_protocol_error',
  upstream_timeout: 'http_response_timeout',
  deadline_exceeded: 'http_response_timeout',
  filter_failed: 'proxy_internal_error',
  filter_timeout: 'proxy_internal_error',
  draining: 'proxy_internal_response',
  internal: 'proxy_internal_error',
}

/** The value of `Proxy-Status` (RFC 9209) for a failure that we answer; null: nothing is revealed. */
export function proxyStatus({ code, detail }: Failure, level: ProxyStatusLevel, nextHop: string | null): string | null {
  if (level === 'off') return null
  const error = (proxyErrorOf as Partial<Record<ErrorCode, string>>)[code] ?? 'proxy_internal_error'
  if (level === 'code') return `meshgate; error=${error}; details="${code}"`
  const hop = nextHop === null ? '' : `; next-hop=${quoted(nextHop)}`
  return `meshgate; error=${error}${hop}; details=${quoted(`${code}; ${detail}`)}`
}

/** So many characters of a reason at the most: a head has a limit at the next hop too. */
const LONGEST_REASON = 512

/** Text as a string of a field, cut where it is long. RFC 8941 §3.3.3: printable ASCII, with quotes and backslashes escaped. */
export function quoted(text: string): string {
  const shown = text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON)}...` : text
  return `"${shown.replaceAll(/[^ -~]/g, '?').replaceAll(/["\\]/g, String.raw`\$&`)}"`
}
