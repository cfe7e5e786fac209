import type { IncomingMessage } from 'node:http'
import { GatewayError, messageOf } from '../errors.ts'

/** Reads a body of JSON. Throws `body_too_large` and `usage`. */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new GatewayError('body_too_large', `the body has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw new GatewayError('usage', `the body is not JSON: ${messageOf(error)}`)
  }
}
