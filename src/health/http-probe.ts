import { request as requestPlain, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as requestTls } from 'node:https'
import { formatAddress, type Address } from '../address.ts'
import { messageOf } from '../errors.ts'
import { httpProbeOptions, type HttpProbeOptions } from './http-probe-options.ts'
import type { ProbeKind, ProbeResult } from './probe.ts'
import { tlsConnectionOptions } from './tls-options.ts'

/** A body is read to its end, because half an answer is a failure, but not further than this. */
const MAX_BODY_BYTES = 64 * 1024

/** Passes when a request is answered, to the end, with a status of the accepted ranges and a body that matches. */
export const httpProbe: ProbeKind<HttpProbeOptions> = {
  options: httpProbeOptions,
  title: ({ path }) => path,
  create: (options) => {
    const pattern = options.match === null ? null : new RegExp(options.match, 'u')
    return (target, signal) =>
      new Promise((resolve) => {
        const asked = ask(target, options, signal)
        asked.on('response', (response) => judge(response, { options, pattern }, resolve))
        asked.on('upgrade', (_response, socket) => {
          socket.destroy()
          resolve({ ok: false, detail: 'HTTP 101' })
        })
        asked.on('error', (error) => resolve({ ok: false, detail: messageOf(error) }))
        asked.end(options.body ?? undefined)
      })
  },
}

function ask(target: Address, options: HttpProbeOptions, signal: AbortSignal): ClientRequest {
  const { method, path, host, port, headers, body, tls } = options
  const address = { host: target.host, port: port ?? target.port }
  const own = { host: host ?? formatAddress(address), connection: 'close' }
  const length = body === null ? {} : { 'content-length': Buffer.byteLength(body) }
  const fields = { 'user-agent': 'meshgate-probe', ...headers, ...own, ...length }
  // A connection of its own: a pooled one would say that the instance answers an old connection, not that it takes new ones.
  const common = { ...address, method, path, headers: fields, agent: false, signal } as const
  return tls ? requestTls({ ...common, ...tlsConnectionOptions(tls) }) : requestPlain(common)
}

interface Expected {
  readonly options: HttpProbeOptions
  readonly pattern: RegExp | null
}

function judge(response: IncomingMessage, { options, pattern }: Expected, resolve: (result: ProbeResult) => void): void {
  const code = response.statusCode ?? 0
  const isExpected = options.statuses.some(([first, last]) => code >= first && code <= last)
  const chunks: Buffer[] = []
  let bytes = 0
  const verdict = (): ProbeResult => {
    if (!isExpected || pattern === null) return { ok: isExpected, detail: `HTTP ${code}` }
    const isMatch = pattern.test(Buffer.concat(chunks).toString('utf8', 0, MAX_BODY_BYTES))
    return { ok: isMatch, detail: isMatch ? `HTTP ${code}` : `HTTP ${code}, and the body does not match ${options.match}` }
  }
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (pattern) chunks.push(chunk)
    if (bytes < MAX_BODY_BYTES) return
    resolve(verdict())
    response.destroy()
  })
  response.on('end', () => resolve(verdict()))
  response.on('error', (error) => resolve({ ok: false, detail: `HTTP ${code}, then ${messageOf(error)}` }))
  response.on('close', () => resolve({ ok: false, detail: `HTTP ${code}, then the connection was closed` }))
}
