import type { Logger } from '../logging.ts'
import type { Exchange } from './exchange.ts'
import type { Outcome } from './upstream/outcome.ts'

/** What the access log tells of one exchange. The query is not here: it carries secrets too often. */
export interface AccessRecord {
  readonly requestId: string
  /** The peer's IP address. */
  readonly client: string
  readonly method: string
  readonly host: string
  /** As the client asked for it, in normal form; filters may have changed it since. */
  readonly path: string
  /** Of the answer; 0 if none was begun. */
  readonly status: number
  /** Of the response body, as sent, bytes. */
  readonly bytes: number
  readonly durationMs: number
  /** Names; null where the exchange did not get that far. */
  readonly route: string | null
  readonly upstream: string | null
  /** `host:port` of the last attempt. */
  readonly endpoint: string | null
  readonly attempts: number
  /** Why it went wrong, a code of `src/errors.ts`; null if it did not. */
  readonly code: string | null
  /** The details of that, for people. */
  readonly reason: string | null
}

/** Where an exchange went; null: it did not get that far. */
interface Way {
  readonly exchange: Exchange
  readonly route: string | null
  readonly upstream: { readonly name: string } | null
  readonly askedPath: string
}

/** What is told of an exchange that has ended. */
export function accessRecord(
  { exchange, route, upstream, askedPath: path }: Way,
  outcome: Outcome,
  durationMs: number,
): AccessRecord {
  const { request, downstream } = exchange
  const { requestId, clientAddress: client, method, host } = request
  const { attempts, endpoint, failure } = outcome
  return {
    requestId,
    client,
    method,
    host,
    path,
    status: downstream.status,
    bytes: downstream.bytes,
    durationMs,
    route,
    upstream: upstream?.name ?? null,
    endpoint: endpoint?.key ?? null,
    attempts,
    code: failure?.code ?? null,
    reason: failure?.detail ?? null,
  }
}

/** Writes one line for one exchange. */
export function writeAccess(logger: Logger, record: AccessRecord): void {
  const { requestId, client, method, host, path, status, bytes, route, upstream, endpoint, attempts, code, reason } = record
  // Tenths of a millisecond are all that a wall of log lines can bear.
  const durationMs = Math.round(record.durationMs * 10) / 10
  logger.info(
    {
      event: 'access',
      requestId,
      client,
      method,
      host,
      path,
      status,
      bytes,
      durationMs,
      route,
      upstream,
      endpoint,
      attempts,
      code,
      reason,
    },
    'access',
  )
}
