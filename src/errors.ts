/**
 * Every code that meshgate shows to anybody: in a reply, a log line, the admin API or an exit message. A code is a public contract
 * and is never renamed; its text may change. `status` is the HTTP status of a reply that carries it; null: it never becomes one.
 * `sentence` is what a client may read: it names no address and no internals.
 */
export const errorTable = {
  // The request itself (data plane).
  bad_request: { status: 400, sentence: 'The request is not valid HTTP.' },
  ambiguous_framing: { status: 400, sentence: 'The length of the request body is ambiguous.' },
  bad_target: { status: 400, sentence: 'The request target is not valid.' },
  bad_host: { status: 400, sentence: 'The Host of the request is missing or not valid.' },
  header_too_large: { status: 431, sentence: 'The head of the request is too large.' },
  request_timeout: { status: 408, sentence: 'The request did not arrive in time.' },
  expectation_failed: { status: 417, sentence: 'The expectation of the request cannot be met.' },
  method_not_supported: { status: 501, sentence: 'This method is not supported here.' },
  // Where it should go.
  no_route: { status: 404, sentence: 'No route matches this request.' },
  not_a_mesh_service: { status: 403, sentence: 'This name is not a service of the mesh.' },
  service_unknown: { status: 404, sentence: 'There is no service of this name.' },
  port_not_registered: { status: 403, sentence: 'No instance of the service has registered this port.' },
  mesh_denied: { status: 403, sentence: 'The rules of the mesh do not allow this call.' },
  mesh_token_required: { status: 407, sentence: 'The mesh does not know who calls, and does not let everybody do this.' },
  mesh_token_invalid: { status: 403, sentence: 'The token of the caller is not known to the mesh.' },
  mesh_full: { status: 503, sentence: 'Too many different services are called at the same time.' },
  loop_detected: { status: 508, sentence: 'The request has been here before, on its way to the same service.' },
  // What a filter refuses.
  unauthorized: { status: 401, sentence: 'The request carries no valid credentials.' },
  forbidden: { status: 403, sentence: 'Access is not allowed.' },
  body_too_large: { status: 413, sentence: 'The body of the request is too large.' },
  rate_limited: { status: 429, sentence: 'Too many requests: try again later.' },
  auth_unavailable: { status: 503, sentence: 'Credentials cannot be checked at the moment.' },
  fault_injected: { status: 503, sentence: 'This failure was asked for by the config.' },
  // The upstream.
  no_instance: { status: 503, sentence: 'The service has no instance.' },
  no_healthy_instance: { status: 503, sentence: 'The service has no healthy instance.' },
  upstream_unknown: { status: 503, sentence: 'The service has not been looked up yet.' },
  upstream_overloaded: { status: 503, sentence: 'Too many requests wait for this service.' },
  circuit_open: { status: 503, sentence: 'The service fails too often and is left alone for a while.' },
  upstream_connect_failed: { status: 502, sentence: 'No connection to the service could be made.' },
  upstream_connect_timeout: { status: 504, sentence: 'No connection to the service came about in time.' },
  upstream_reset: { status: 502, sentence: 'The service broke the connection.' },
  upstream_protocol: { status: 502, sentence: 'The service answered with invalid HTTP.' },
  upstream_timeout: { status: 504, sentence: 'The service did not answer in time.' },
  deadline_exceeded: { status: 504, sentence: 'The time for this request is over.' },
  filter_failed: { status: 500, sentence: 'A filter of this route failed.' },
  filter_timeout: { status: 504, sentence: 'A filter of this route did not end in time.' },
  draining: { status: 503, sentence: 'The gateway is shutting down.' },
  internal: { status: 500, sentence: 'The gateway failed on this request.' },
  client_gone: { status: null, sentence: 'The client left before the answer was complete.' },
  client_stalled: { status: null, sentence: 'The client did not take the answer in time.' },
  // Config.
  config_invalid: { status: null, sentence: 'The config is not valid.' },
  config_unreadable: { status: null, sentence: 'The config cannot be read.' },
  // Starting.
  port_in_use: { status: null, sentence: 'The address is in use by another process.' },
  bind_failed: { status: null, sentence: 'The address cannot be listened on.' },
  data_locked: { status: null, sentence: 'The data folder is in use by another process.' },
  data_unusable: { status: null, sentence: 'The data folder cannot be used.' },
  workers_unsupported: { status: null, sentence: 'Several workers cannot share a port here.' },
  worker_failed: { status: null, sentence: 'A worker process could not start.' },
  // The registry, as its client sees it.
  registry_unavailable: { status: null, sentence: 'The registry cannot be reached.' },
  registry_timeout: { status: null, sentence: 'The registry did not answer in time.' },
  registry_refused: { status: null, sentence: 'The registry refused the request.' },
  registry_protocol: { status: null, sentence: 'The registry gave an answer that makes no sense.' },
  session_lost: { status: null, sentence: 'The session of this gateway has ended.' },
  // What applications ask of the mesh.
  lock_busy: { status: null, sentence: 'Somebody else holds the lock.' },
  too_many_watches: { status: null, sentence: 'This process holds too many locks and watches.' },
  mesh_closed: { status: null, sentence: 'The mesh has been closed.' },
  // Tasks.
  task_failed: { status: null, sentence: 'The task failed.' },
  no_leader: { status: null, sentence: 'No gateway leads the fleet at the moment.' },
  task_timeout: { status: null, sentence: 'The task did not end in time.' },
  // The command line.
  not_found: { status: null, sentence: 'There is no such thing.' },
  usage: { status: null, sentence: 'The command was not understood.' },
  config_changed: { status: null, sentence: 'The config was changed meanwhile.' },
  file_unusable: { status: null, sentence: 'The file cannot be used.' },
  revision_conflict: { status: null, sentence: 'Somebody else has changed the config meanwhile.' },
  admin_unreachable: { status: null, sentence: 'The admin API of the gateway cannot be reached.' },
} as const

export type ErrorCode = keyof typeof errorTable

/** An error that people may see: a stable code, a sentence with what was found, expected and where, and the cause. */
export class GatewayError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'GatewayError'
    this.code = code
  }
}

/** The text of anything thrown, with the texts of its causes: for logs and reasons, never for a client. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  // An AggregateError of Node's dialler has an empty message and the reasons inside.
  const own = thrown.message || (thrown instanceof AggregateError ? thrown.errors.map(messageOf).join('; ') : thrown.name)
  return thrown.cause === undefined ? own : `${own}: ${messageOf(thrown.cause)}`
}

/** The system's code of an error (`ECONNREFUSED`) or of the first cause that has one. */
export function systemCodeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined
  const code = 'code' in thrown ? thrown.code : undefined
  if (typeof code === 'string' && !(thrown instanceof GatewayError)) return code
  if (thrown instanceof AggregateError) return systemCodeOf(thrown.errors[0])
  return systemCodeOf(thrown.cause)
}
