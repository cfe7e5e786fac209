import type { Readable } from 'node:stream'
import type { RequestBody } from '../exchange.ts'

/** Bodies up to this size are kept for a second attempt, bytes. */
export const REPLAYABLE_BYTES = 64 * 1024

/** RFC 9110 §9.2.2: repeating these changes nothing more than doing them once. */
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** Whether a request may be sent again although the upstream may have seen it. */
export function isIdempotent(method: string): boolean {
  return idempotentMethods.has(method)
}

/** Whether the body is short enough, and known to be, to be read whole before the first attempt. */
export function isReplayable(method: string, body: RequestBody): boolean {
  return isIdempotent(method) && body.lengthBytes !== null && body.lengthBytes <= REPLAYABLE_BYTES
}

/** Reads a short body whole; `onProgress` is called for each piece. Rejects if the client leaves before its end. */
export async function readWhole(stream: Readable, onProgress: () => void): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer)
    onProgress()
  }
  return Buffer.concat(chunks)
}
