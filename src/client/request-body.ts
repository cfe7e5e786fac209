import { Readable } from 'node:stream'
import { errors, Response, type BodyInit } from 'undici'
import type { RequestBody } from '../dataplane/exchange.ts'

/** A body that is sent up. */
export interface OutgoingBody extends RequestBody {
  /** Of a form or blob, where the application says nothing else. */
  readonly contentType?: string | undefined
}

/** All of a body, at hand. */
class WholeBody implements OutgoingBody {
  readonly whole: Buffer
  readonly lengthBytes: number

  constructor(whole: Buffer) {
    this.whole = whole
    this.lengthBytes = whole.length
  }

  get stream(): Readable {
    return Readable.from([this.whole])
  }
}

/**
 * Takes a body in any of undici's forms; null: there is none. `lengthBytes`: what the fields say of its length. Throws undici's
 * InvalidArgumentError for what is no body.
 */
export function requestBody(body: unknown, lengthBytes: number | null): OutgoingBody | null {
  if (body === null || body === undefined) return null
  const whole = bufferOf(body)
  if (whole) return wholeBody(whole, lengthBytes)
  if (body instanceof Readable) return streamedBody(body, lengthBytes)
  if (isForm(body)) return formBody(body)
  if (isIterable(body)) return streamedBody(Readable.from(body, { objectMode: false }), lengthBytes)
  throw new errors.InvalidArgumentError('body must be a string, a Buffer, a Readable stream, an iterable, or an async iterable')
}

function bufferOf(body: unknown): Buffer | null {
  if (typeof body === 'string') return Buffer.from(body)
  if (Buffer.isBuffer(body)) return body
  if (ArrayBuffer.isView(body)) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return body instanceof ArrayBuffer ? Buffer.from(body) : null
}

function wholeBody(whole: Buffer, lengthBytes: number | null): OutgoingBody | null {
  if (lengthBytes !== null && lengthBytes !== whole.length) throw new errors.RequestContentLengthMismatchError()
  return whole.length === 0 ? null : new WholeBody(whole)
}

function streamedBody(stream: Readable, lengthBytes: number | null): OutgoingBody | null {
  const isPlain = stream.readableEncoding === null && !stream.readableObjectMode && lengthBytes === null
  if (isPlain) return { lengthBytes, stream }
  return { lengthBytes, stream: Readable.from(measured(stream, lengthBytes), { objectMode: false }) }
}

/** The same pieces as bytes. RFC 9112 §6.3: what is longer or shorter than it says would be taken for another request, or waited for. */
async function* measured(stream: Readable, lengthBytes: number | null): AsyncIterable<Buffer> {
  let sent = 0
  for await (const piece of stream) {
    const chunk = bufferOf(piece)
    if (!chunk) throw new errors.InvalidArgumentError('a piece of the body is neither text nor bytes')
    sent += chunk.length
    if (lengthBytes !== null && sent > lengthBytes) throw new errors.RequestContentLengthMismatchError()
    yield chunk
  }
  if (lengthBytes !== null && sent < lengthBytes) throw new errors.RequestContentLengthMismatchError()
}

function formBody(form: object): OutgoingBody {
  // Node's own undici and ours each know their own forms alone; blobs are Node's.
  const made = form instanceof FormData ? new globalThis.Response(form) : new Response(form as BodyInit)
  const stream = made.body ? Readable.fromWeb(made.body) : Readable.from([])
  const contentType = made.headers.get('content-type') ?? undefined
  return { lengthBytes: null, stream, contentType }
}

function isForm(body: unknown): body is object {
  return (
    body instanceof Blob ||
    (typeof body === 'object' && body !== null && Object.prototype.toString.call(body) === '[object FormData]')
  )
}

function isIterable(body: unknown): body is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && (Symbol.iterator in body || Symbol.asyncIterator in body)
}
