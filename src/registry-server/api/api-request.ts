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
// A body that is too large is read on up to here, so that a client that sends all before it reads sees the answer and not a reset.
const maxDiscardedBytes = 64 * 1024 * 1024

/** Reads a request's body. Refuses (413) one above its limit as soon as that is known, whether it told its length or not. */
export function readBody(request: IncomingMessage, limit: BodyLimit = plainLimit): Promise<Buffer> {
  const { maxBytes } = limit
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let isRefused = false
    const refuse = (foundBytes: number): void => {
      isRefused = true
      chunks.length = 0
      reject(tooLarge(foundBytes, limit))
    }
    const toldBytes = Number(request.headers['content-length'] ?? 0)
    if (toldBytes > maxBytes) refuse(toldBytes)
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes && !isRefused) refuse(bytes)
      if (!isRefused) chunks.push(chunk)
      else if (bytes > maxDiscardedBytes + maxBytes) request.destroy()
    })
    request.on('end', () => (isRefused ? undefined : resolve(joined(chunks, bytes))))
    request.on('error', reject)
    // A client that leaves half-way gives 'error' or only 'close'.
    request.on('close', () => {
      if (!request.complete) reject(new Refusal(400, 'the request ended early'))
    })
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
