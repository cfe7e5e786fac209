import { connect, type IncomingHttpHeaders } from 'node:http2'
import { z } from 'zod'
import { formatAddress } from '../address.ts'
import { messageOf } from '../errors.ts'
import { healthCheckPath, requestMessage, servingStatusOf } from '../grpc-health-message.ts'
import { callUnary, type UnaryOutcome } from '../grpc-unary.ts'
import type { ProbeKind, ProbeResult } from './probe.ts'
import { tlsConnectionOptions, tlsSchema, type ProbeTls } from './tls-options.ts'

export interface GrpcProbeOptions {
  /** Empty: the server as a whole. */
  readonly service: string
  /** null: the port of the instance. */
  readonly port: number | null
  readonly tls: ProbeTls | null
}

const MAX_ANSWER_BYTES = 64 * 1024

/** Of HealthCheckResponse.ServingStatus. */
const statusNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** Passes when `grpc.health.v1.Health/Check` answers SERVING, over HTTP/2 with prior knowledge or TLS. Source: grpc/grpc, doc/health-checking.md. */
export const grpcProbe: ProbeKind<GrpcProbeOptions> = {
  options: z
    .strictObject({
      service: z
        .string()
        .max(255)
        .optional()
        .meta({ description: 'Service that is asked about. Default: empty, the server as a whole.', examples: ['shop.v1.Cart'] }),
      port: z
        .int()
        .min(1)
        .max(65_535)
        .optional()
        .meta({ description: 'Port that is asked. Default: that of the instance.', examples: [9090] }),
      tls: tlsSchema.optional(),
    })
    .transform(({ service, port, tls }): GrpcProbeOptions => ({ service: service ?? '', port: port ?? null, tls: tls ?? null }))
    .meta({
      description:
        'Passes when grpc.health.v1.Health/Check says SERVING, over HTTP/2 without upgrade; `{}` for the server as a whole.',
      examples: [{ service: 'shop.v1.Cart' }],
    }),
  title: ({ service }) => (service === '' ? 'grpc' : `grpc ${service}`),
  create:
    ({ service, port, tls }) =>
    (target, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve({ ok: false, detail: 'stopped' })
        const url = `${tls ? 'https' : 'http'}://${formatAddress({ host: target.host, port: port ?? target.port })}`
        const session = connect(url, tls ? tlsConnectionOptions(tls) : {})
        const end = (result: ProbeResult): void => {
          signal.removeEventListener('abort', stop)
          session.destroy()
          resolve(result)
        }
        const stop = (): void => end({ ok: false, detail: 'stopped' })
        signal.addEventListener('abort', stop, { once: true })
        session.on('error', (error: Error) => end({ ok: false, detail: messageOf(error) }))
        session.on('close', () => end({ ok: false, detail: 'the connection was closed before the answer' }))
        const message = requestMessage(service)
        const call = { path: healthCheckPath, message, userAgent: 'meshgate-probe', mostBytes: MAX_ANSWER_BYTES }
        callUnary(session, call, (outcome) => end(resultOf(outcome)))
      }),
}

function resultOf(outcome: UnaryOutcome): ProbeResult {
  if (outcome.kind === 'too-large') return { ok: false, detail: `the answer has more than ${MAX_ANSWER_BYTES} bytes` }
  if (outcome.kind === 'broken') return { ok: false, detail: messageOf(outcome.error) }
  return judge(outcome.headers, outcome.message)
}

function judge(headers: IncomingHttpHeaders, message: Buffer): ProbeResult {
  const code = headers['grpc-status']
  if (code === undefined) return { ok: false, detail: `HTTP ${Number(headers[':status'])}, which is no answer of gRPC` }
  if (code !== '0') return { ok: false, detail: `gRPC status ${String(code)} ${String(headers['grpc-message'] ?? '')}`.trim() }
  const status = servingStatusOf(message)
  if (status === null) return { ok: false, detail: 'the answer is no HealthCheckResponse' }
  return { ok: status === 1, detail: statusNames[status] ?? `serving status ${status}` }
}
