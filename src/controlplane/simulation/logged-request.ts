import { reservedRouteNames } from '../../dataplane/gateway.ts'
import type { RequestHead } from '../../dataplane/exchange.ts'

/** What the access log tells of a request that a router looks at; it has neither the query nor the header fields. */
export interface LoggedRequest {
  readonly method: string
  readonly host: string
  readonly path: string
}

/** One line of a log: a request by routes, a line about something else, or one that cannot be read, and why. */
export type LogLine =
  | { readonly kind: 'request'; readonly request: LoggedRequest; /** Null: none took it. */ readonly route: string | null }
  | { readonly kind: 'other' }
  | { readonly kind: 'bad'; readonly why: string }

const other: LogLine = { kind: 'other' }

/** Reads one line of what the gateway writes to stdout with `log.access: true`. */
export function parseLogLine(line: string): LogLine {
  const fields = parseObject(line)
  if (!fields) return { kind: 'bad', why: 'it is not a JSON object' }
  if (fields['event'] !== 'access') return other
  const { route } = fields
  if (route !== null && typeof route !== 'string') return { kind: 'bad', why: '"route" is neither a name nor null' }
  // Calls by a service's name pass no route.
  if (route !== 'none' && reservedRouteNames.includes(route ?? '')) return other
  const request = requestIn(fields)
  return request ? { kind: 'request', request, route } : { kind: 'bad', why: 'it lacks "method", "host" or "path"' }
}

/** Takes the parts of a request out of JSON; null: they are not there. */
export function requestIn({ method, host, path }: Readonly<Record<string, unknown>>): LoggedRequest | null {
  const isWhole = typeof method === 'string' && typeof host === 'string' && typeof path === 'string'
  return isWhole ? { method, host, path } : null
}

/** The head, as far as it is known. */
export function headOf({ method, host, path }: LoggedRequest): RequestHead {
  const known = { query: '', headers: ['Host', host], clientAddress: '127.0.0.1', requestId: 'simulated' }
  return { method, host, authority: host, path, ...known }
}

function parseObject(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    // Whatever is wrong with it: it is not one of our lines.
    return null
  }
}
