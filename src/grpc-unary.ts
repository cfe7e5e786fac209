import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'

/** RFC 9113 §7. */
const noError = 0

export interface UnaryCall {
  /** `/package.Service/Method` */
  readonly path: string
  /** With gRPC's prefix. */
  readonly message: Buffer
  readonly userAgent: string
  /** What the answer may have at the most, bytes. */
  readonly mostBytes: number
}

/** How a call ended. */
export type UnaryOutcome =
  /** `headers`: those of the head and the trailers together. */
  | { readonly kind: 'answered'; readonly headers: IncomingHttpHeaders; readonly message: Buffer }
  | { readonly kind: 'too-large' }
  /** `resetCode`: of HTTP/2 (RFC 9113 §7). */
  | { readonly kind: 'broken'; readonly resetCode: number; readonly error: unknown }

/** Makes one gRPC call on a session, which the caller ends. `onEnd` may be called again after it has been called with a failure. */
export function callUnary(session: ClientHttp2Session, call: UnaryCall, onEnd: (outcome: UnaryOutcome) => void): void {
  const stream = session.request({
    ':method': 'POST',
    ':path': call.path,
    'content-type': 'application/grpc',
    'user-agent': call.userAgent,
    te: 'trailers',
  })
  const chunks: Buffer[] = []
  let bytes = 0
  let head: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  stream.on('response', (headers) => (head = headers))
  stream.on('trailers', (headers) => (trailers = headers))
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > call.mostBytes) return onEnd({ kind: 'too-large' })
    chunks.push(chunk)
  })
  // A stream that fails with its session tells less than the session does, which is heard in the same turn.
  stream.on('error', (error) => setImmediate(() => onEnd({ kind: 'broken', resetCode: stream.rstCode ?? 0, error })))
  stream.on('end', () => {
    if (stream.rstCode !== noError) return
    onEnd({ kind: 'answered', headers: { ...head, ...trailers }, message: Buffer.concat(chunks) })
  })
  stream.end(call.message)
}
