import { errors } from 'undici'
import { GatewayError, systemCodeOf } from '../../errors.ts'

/** What a request asked for, for messages: never the query (it may name sessions), never a header (it may carry the token). */
export interface RequestName {
  readonly method: string
  readonly origin: string
  readonly path: string
}

/** Turns whatever broke a request into a `registry_…` error; an error of ours (a deadline, a close) passes unchanged. */
export function requestError(thrown: unknown, name: RequestName, maxBodyBytes: number): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  const what = describe(name)
  if (thrown instanceof errors.ResponseExceededMaxSizeError) {
    return new GatewayError('registry_protocol', `${what}: the answer is longer than ${maxBodyBytes} bytes`)
  }
  if (thrown instanceof errors.HTTPParserError || thrown instanceof errors.HeadersOverflowError) {
    return new GatewayError('registry_protocol', `${what}: the answer is not valid HTTP`, { cause: thrown })
  }
  if (thrown instanceof errors.ConnectTimeoutError) {
    return new GatewayError('registry_timeout', `${what}: no connection in time`, { cause: thrown })
  }
  const reason = systemCodeOf(thrown) === 'ECONNREFUSED' ? 'nobody listens there' : 'the connection failed'
  return new GatewayError('registry_unavailable', `${what}: ${reason}`, { cause: thrown })
}

/** The registry understood the request and said no; its own sentence is part of the message. */
export function refusal(status: number, body: string, name: RequestName): GatewayError {
  const sentence = body.length > 300 ? `${body.slice(0, 300)}…` : body
  return new GatewayError(
    'registry_refused',
    `${describe(name)}: answered ${status}${sentence === '' ? '' : `, ${sentence.trim()}`}`,
  )
}

export function protocolError(problem: string, name: RequestName, cause?: unknown): GatewayError {
  return new GatewayError('registry_protocol', `${describe(name)}: ${problem}`, cause === undefined ? {} : { cause })
}

export function describe({ method, origin, path }: RequestName): string {
  return `registry ${origin}: ${method} ${path}`
}
