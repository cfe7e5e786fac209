import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'
import { messageOf } from '../../errors.ts'
import { healthCheckPath, requestMessage, servingStatusOf } from '../../grpc-health-message.ts'
import { callUnary } from '../../grpc-unary.ts'
import { nodeHttp } from '../../node-http.ts'
import type { CheckDefinition } from '../store/rows.ts'
import { requestProblem } from './dial-problem.ts'
import type { Probe, ProbeResult } from './interval-check.ts'

const serving = 1
const mostAnswerBytes = 64 * 1024
// The reset codes that are told by name (RFC 9113 §7).
const resetCodes = {
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  ENHANCE_YOUR_CALM: 11,
}
// gRPC's status codes by number (grpc/grpc: doc/statuscodes.md).
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
    if (!session) return end(rpcProblem(14, connectionProblem(addressOf(target), null)))
    session.on('error', (error: Error) => end(rpcProblem(14, connectionProblem(addressOf(target), error))))
    session.on('close', () => end(rpcProblem(14, 'transport is closing')))
    ask(session, definition, end)
  })

function open({ target, useTls, tlsSkipVerify }: CheckDefinition): ClientHttp2Session | null {
  if (!/:\d+$/.test(addressOf(target))) return null
  const url = `${useTls ? 'https' : 'http'}://${addressOf(target)}`
  if (!URL.canParse(url)) return null
  // Loaded by the first check that needs it: HTTP/2 and TLS take memory.
  return process.getBuiltinModule('node:http2').connect(url, { rejectUnauthorized: !tlsSkipVerify })
}

/** Sends the one call and tells what is wrong with its answer, or null for nothing. */
function ask(session: ClientHttp2Session, { target }: CheckDefinition, end: (problem: string | null) => void): void {
  const message = requestMessage(serviceOf(target))
  const call = { path: healthCheckPath, message, userAgent: 'Consul Health Check', mostBytes: mostAnswerBytes }
  callUnary(session, call, (outcome) => {
    if (outcome.kind === 'answered') return end(problemOf(outcome.headers, outcome.message))
    if (outcome.kind === 'broken') return end(streamProblem(outcome.resetCode, outcome.error))
    end(rpcProblem(8, `received message larger than max (${mostAnswerBytes} bytes)`))
  })
}

function streamProblem(resetCode: number, error: unknown): string {
  const name = Object.entries(resetCodes).find(([, code]) => code === resetCode)?.[0]
  return name ? rpcProblem(13, `stream terminated by RST_STREAM with error code: ${name}`) : rpcProblem(14, messageOf(error))
}

function problemOf(headers: IncomingHttpHeaders, message: Buffer): string | null {
  const code = headers['grpc-status'] === undefined ? null : Number(headers['grpc-status'])
  if (code === null) return notGrpc(Number(headers[':status']), headers['content-type'] ?? '')
  if (code !== 0) return rpcProblem(code, decodeMessage(String(headers['grpc-message'] ?? '')))
  return servingStatusOf(message) === serving ? null : "gRPC application didn't report service healthy"
}

/** What an HTTP status means to a gRPC client (grpc/grpc: doc/http-grpc-status-mapping.md). */
function notGrpc(status: number, contentType: string): string {
  const codes: Readonly<Record<number, number>> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 }
  const found = `transport: received the unexpected content-type ${JSON.stringify(contentType)}`
  return rpcProblem(codes[status] ?? 2, `${nodeHttp.STATUS_CODES[status] ?? ''}: HTTP status code ${status}; ${found}`)
}

function resultOf(target: string, problem: string | null): ProbeResult {
  if (problem === null) return { status: 'passing', output: `gRPC check ${target}: success` }
  return { status: 'critical', output: problem }
}

function rpcProblem(code: number, description: string): string {
  return `rpc error: code = ${codeNames[code] ?? `Code(${code})`} desc = ${description}`
}

/** No error: the address is none. */
function connectionProblem(address: string, error: Error | null): string {
  const problem = error ? requestProblem(address, error) : `dial tcp: address ${address}: missing port in address`
  const isHandshake = /^(?:tls|x509):/.test(problem)
  const why = problem.startsWith('dial ') ? `transport: Error while dialing ${problem}` : problem
  return `connection error: desc = ${JSON.stringify(isHandshake ? `transport: authentication handshake failed: ${why}` : why)}`
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
