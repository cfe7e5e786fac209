import type { HeaderList } from '../exchange.ts'
import { fieldOf } from '../../http1/field.ts'
import type { UpstreamRequest } from './upstream-request.ts'

/** Methods whose requests usually have a body: one without says so (RFC 9110 §8.6). */
const withBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** Writes the head of a request for a connection that is kept; one character per octet. A body without a length goes up chunked. */
export function requestHead({ method, target, headers, body }: UpstreamRequest): string {
  let text = `${method} ${target} HTTP/1.1\r\n`
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${text}${framingField(method, headers, body !== null)}\r\n`
}

/** Whether a body goes up chunked. */
export function goesChunked(headers: HeaderList): boolean {
  return fieldOf(headers, 'content-length') === undefined
}

function framingField(method: string, headers: HeaderList, hasBody: boolean): string {
  if (hasBody) return goesChunked(headers) ? 'Transfer-Encoding: chunked\r\n' : ''
  return withBody.has(method) && goesChunked(headers) ? 'Content-Length: 0\r\n' : ''
}
