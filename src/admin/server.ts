import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { formatAddress, isLoopback, parseAddress, type Address } from '../address.ts'
import { GatewayError, messageOf, type ErrorCode } from '../errors.ts'
import { listen } from '../listen.ts'
import type { Logger } from '../logging.ts'
import { readJsonBody } from './json-body.ts'
import { adminTable, type AdminAnswer, type AdminSubject } from './table.ts'

export interface AdminServer {
  readonly address: Address
  close(): Promise<void>
}

/**
 * Serves the admin API. It has no password: it is bound to loopback by default, answers only requests that name it by address or as
 * `localhost` (a page in a browser that rebinds its DNS name cannot read it), and lets no web page of another origin change anything.
 */
export async function startAdmin(bind: Address, subject: AdminSubject, logger: Logger): Promise<AdminServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    response.on('error', () => {})
    void answer(request, subject)
      .then((found) => send(response, found))
      // Whatever was not wanted of the body.
      .finally(() => request.resume())
      .catch((error: unknown) => {
        logger.error({ event: 'admin.failed', url: request.url, error: messageOf(error) }, 'admin request failed')
        send(response, problem(500, 'internal', 'this is a bug of meshgate; the log has the details'))
      })
  })
  server.maxConnections = 256
  const address = await listen(server, bind, 'admin.bind')
  logger.info({ event: 'admin.started', address: formatAddress(address) }, `admin API on http://${formatAddress(address)}`)
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, subject: AdminSubject): Promise<AdminAnswer> {
  if (!namesUsDirectly(request.headers.host)) {
    return problem(403, 'bad_host', `call the admin API by IP address or as localhost, not as "${request.headers.host ?? ''}"`)
  }
  const [, path = '/', query = ''] = /^([^?]*)\??(.*)$/s.exec(request.url ?? '/') ?? []
  const endpoint = adminTable.find((row) => row.path === path)
  if (!endpoint) return problem(404, 'not_found', `there is no ${path}; there are ${adminTable.map((row) => row.path).join(' ')}`)
  const method = request.method === 'HEAD' ? 'GET' : request.method
  if (method !== endpoint.method) {
    const allow = endpoint.method === 'GET' ? 'GET, HEAD' : endpoint.method
    return problem(405, 'method_not_allowed', `${path} takes ${allow}`, { allow })
  }
  if (endpoint.method === 'POST' && request.headers.origin !== undefined) {
    return problem(403, 'cross_origin', 'a web page may not change the gateway')
  }
  try {
    const body = endpoint.maxBodyBytes === undefined ? null : await readJsonBody(request, endpoint.maxBodyBytes)
    return await endpoint.answer(subject, new URLSearchParams(query), body)
  } catch (error) {
    const status = error instanceof GatewayError ? statusOf[error.code] : undefined
    if (status === undefined) throw error
    return problem(status, (error as GatewayError).code, messageOf(error))
  }
}

/** Of what endpoints throw; everything else is a bug. */
const statusOf: Partial<Record<ErrorCode, number>> = {
  usage: 400,
  not_found: 404,
  revision_conflict: 409,
  no_leader: 503,
  task_failed: 422,
  body_too_large: 413,
  config_invalid: 422,
  registry_refused: 502,
  registry_protocol: 502,
  registry_unavailable: 503,
  registry_timeout: 503,
}

function namesUsDirectly(host: string | undefined): boolean {
  const name = parseAddress(host ?? '')?.host ?? host ?? ''
  return isLoopback(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0
}

function problem(status: number, code: string, message: string, headers: Record<string, string> = {}): AdminAnswer {
  return { status, headers, json: { error: { code, message } } }
}

function send(response: ServerResponse, { status, headers, json, text }: AdminAnswer): void {
  const body = text ?? `${JSON.stringify(json, null, 2)}\n`
  const type = text === undefined ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8'
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(body)
}
