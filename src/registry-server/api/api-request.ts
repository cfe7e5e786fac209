import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.ts'

/** One request, as the handlers see it. */
export interface ApiRequest {
  readonly method: string
  /** The whole path, percent-decoded. */
  readonly path: string
  /** What follows the route's path, percent-decoded: the key, the id, the name. */
  readonly rest: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly isPretty: boolean
  /** What is sent to one connection: the limit of blocked queries counts by it. */
  readonly connection: object
  /** Calls `run` when the client leaves before it was answered; returns how to stop listening. */
  onGone(run: () => void): () => void
}

/** The most that a body may hold, and the setting of Consul that it is known by. */
export interface BodyLimit {
  readonly maxBytes: number
  readonly setting: string
}

/** KV values, and any other body, may not be larger. */
export const maxBodyBytes = 512 * 1024
export const plainLimit: BodyLimit = { maxBytes: maxBodyBytes, setting: 'kv_max_value_size' }
// A body that is too large is read to its end up to here, so that the client sees the answer and not a reset.
const maxDiscardedBytes = 8 * 1024 * 1024

/** Reads a request's body. Refuses (413) one above its limit while reading, whether it told its length or not. */
export function readBody(request: IncomingMessage, limit: BodyLimit = plainLimit): Promise<Buffer> {
  const { maxBytes } = limit
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
      else chunks.length = 0
      if (bytes > maxBytes + maxDiscardedBytes) request.destroy()
    })
    request.on('end', () => (bytes > maxBytes ? reject(tooLarge(bytes, limit)) : resolve(joined(chunks, bytes))))
    request.on('error', reject)
    // A client that leaves half-way gives 'error' or only 'close'.
    request.on('close', () => reject(new Refusal(400, 'the request ended early')))
  })
}

function tooLarge(bytes: number, { maxBytes, setting }: BodyLimit): Refusal {
  return new Refusal(
    413,
    `Request body(${bytes} bytes) too large, max size: ${maxBytes} bytes. See https://www.consul.io/docs/agent/options.html#${setting}.`,
  )
}

/** A copy of its own: a slice would keep the whole read buffer alive for as long as the value lives. */
function joined(chunks: readonly Buffer[], bytes: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(whole, at)
  return whole
}
