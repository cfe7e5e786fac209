import { once } from 'node:events'
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { selfSigned } from './self-signed.ts'

/** A gRPC server that answers Health/Check for each service as told, until it is closed. */
export interface GrpcHealthServer {
  readonly port: number
  close(): Promise<void>
}

/** How the health service answers one question: a serving status, or anything else. */
export type HealthAnswer = number | ((stream: ServerHttp2Stream) => void)

/** Starts it on a free port; with a certificate it speaks TLS. The caller closes it. */
export async function startGrpcHealth(
  answers: Readonly<Record<string, HealthAnswer>>,
  certificate?: typeof selfSigned,
): Promise<GrpcHealthServer> {
  const sessions = new Set<ServerHttp2Session>()
  const server: Http2Server = certificate ? createSecureServer(certificate) : createServer()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session)).on('error', () => {})
  })
  server.on('sessionError', () => {})
  server.on('stream', (stream: ServerHttp2Stream) => {
    const chunks: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const answer = answers[Buffer.concat(chunks).subarray(7).toString()]
      if (typeof answer === 'function') answer(stream)
      else if (answer === undefined)
        stream.respond({ 'grpc-status': '5', 'grpc-message': 'unknown service' }, { endStream: true })
      else sendStatus(stream, answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    close: async () => {
      for (const session of sessions) session.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function sendStatus(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.from(status === 0 ? [0, 0, 0, 0, 0] : [0, 0, 0, 0, 2, 8, status]))
}
