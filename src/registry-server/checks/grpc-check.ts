import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2'
import { messageOf, systemCodeOf } from '../../errors.ts'
import type { CheckDefinition } from '../store/rows.ts'
import { dialProblem } from './dial-problem.ts'
import { requestMessage, servingStatusOf } from './grpc-health-message.ts'
import type { Probe, ProbeResult } from './interval-check.ts'

const serving = 1
const mostAnswerBytes = 64 * 1024
// gRPC status codes by number (grpc/grpc: doc/statuscodes.md).
const codeNames =
  'OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated'.split(
    ' ',
  )

/** Passing when the target (`host:port`, or `host:port/service`) answers SERVING to grpc.health.v1.Health/Check. */
export const probeGrpc: Probe = (definition, clock, signal) =>
  new Promise((resolve) => {
    const { target, timeoutMs } = definition
    const session = open(definition)
    let stopped = false
    const end = (problem: string | null): void => {
      if (stopped) return
      stopped = true
      timer.cancel()
      signal.removeEventListener('abort', stop)
      session?.destroy()
      resolve(resultOf(target, problem))
    }
    const stop = (): void => end('stopped')
    const timer = clock.after(timeoutMs, () => end(rpcProblem(4, 'context deadline exceeded')))
    signal.addEventListener('abort', stop, { once: true })
    if (!session) return end(rpcProblem(14, `connection error: address ${target}: not host:port`))
    session.on('error', (error: Error) => end(rpcProblem(14, connectionProblem(addressOf(target), error))))
    session.on('close', () => end(rpcProblem(14, 'transport is closing')))
    ask(session, definition, end)
  })

function open({ target, useTls, tlsSkipVerify }: CheckDefinition): ClientHttp2Session | null {
  const url = `${useTls ? 'https' : 'http'}://${addressOf(target)}`
  if (!URL.canParse(url)) return null
  return connect(url, { rejectUnauthorized: !tlsSkipVerify })
}

/** Sends the one call and tells what is wrong with its answer, or null for nothing. */
function ask(session: ClientHttp2Session, definition: CheckDefinition, end: (problem: string | null) => void): void {
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    'user-agent': 'Consul Health Check',
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
    if (bytes > mostAnswerBytes) return end(rpcProblem(8, `received message larger than max (${mostAnswerBytes} bytes)`))
    chunks.push(chunk)
  })
  // A stream that fails with its session tells less than the session does, which is heard in the same turn.
  stream.on('error', (error) => setImmediate(() => end(rpcProblem(14, messageOf(error)))))
  stream.on('end', () => end(problemOf(stream, { ...head, ...trailers }, Buffer.concat(chunks))))
  stream.end(requestMessage(serviceOf(definition.target)))
}

function problemOf(stream: ClientHttp2Stream, headers: IncomingHttpHeaders, message: Buffer): string | null {
  if (stream.rstCode !== constants.NGHTTP2_NO_ERROR)
    return rpcProblem(14, `stream terminated by RST_STREAM with code ${stream.rstCode}`)
  const httpStatus = Number(headers[':status'])
  const code = headers['grpc-status'] === undefined ? null : Number(headers['grpc-status'])
  if (code === null) return rpcProblem(2, `the answer is not gRPC: HTTP status ${httpStatus}`)
  if (code !== 0) return rpcProblem(code, decodeMessage(String(headers['grpc-message'] ?? '')))
  return servingStatusOf(message) === serving ? null : "gRPC application didn't report service healthy"
}

function resultOf(target: string, problem: string | null): ProbeResult {
  if (problem === null) return { status: 'passing', output: `gRPC check ${target}: success` }
  return { status: 'critical', output: problem }
}

function rpcProblem(code: number, description: string): string {
  return `rpc error: code = ${codeNames[code] ?? `Code(${code})`} desc = ${description}`
}

function connectionProblem(address: string, error: Error): string {
  const isDial = systemCodeOf(error)?.startsWith('E') && !['ECONNRESET', 'EPIPE'].includes(systemCodeOf(error) ?? '')
  const why = isDial ? `transport: Error while dialing ${dialProblem(address, error)}` : messageOf(error)
  return `connection error: desc = ${JSON.stringify(why)}`
}

/** grpc-message is percent-encoded; a broken one is shown as it is. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not percent-encoded UTF-8: what came says more than nothing.
    return text
  }
}

function addressOf(target: string): string {
  const slash = target.indexOf('/')
  return slash < 0 ? target : target.slice(0, slash)
}

function serviceOf(target: string): string {
  const slash = target.indexOf('/')
  return slash < 0 ? '' : target.slice(slash + 1)
}
