import { messageOf } from '../../errors.ts'
import type { Incoming } from '../http/connection.ts'
import { plainLimit } from '../http/request-body.ts'
import { Refusal } from '../refusal.ts'
import { refusalAnswer, sendAnswer, textAnswer, wantsGzip, type Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import type { Registry } from './registry.ts'
import { matchRoute, redirectOf } from './router.ts'
import type { Method, Route } from './route.ts'
import { bodyLimits } from './table.ts'

const noBody = Buffer.alloc(0)
const noQuery = new URLSearchParams()
const empty = (status: number): Answer => ({ status, body: '', headers: [] })

/** Answers one HTTP request, whatever it is and whatever goes wrong. */
export function dispatch(registry: Registry, incoming: Incoming): void {
  const { head, reply } = incoming
  const { logger } = registry.logs
  if (logger.isLevelEnabled('debug')) tellOf(registry, incoming)
  const fail = (error: unknown): void => {
    if (reply.status !== 0) return reply.destroy()
    if (error instanceof Refusal) return sendAnswer(reply, refusalAnswer(error))
    logger.error({ event: 'registry.request_failed', method: head.method, error: messageOf(error) }, 'a request failed')
    sendAnswer(reply, textAnswer(500, 'internal error'))
  }
  const acceptsGzip = wantsGzip(head.header('accept-encoding'))
  try {
    const answer = answerOf(registry, incoming)
    if (answer instanceof Promise) answer.then((settled) => sendAnswer(reply, settled, acceptsGzip)).catch(fail)
    else sendAnswer(reply, answer, acceptsGzip)
  } catch (error) {
    fail(error)
  }
}

function answerOf(registry: Registry, { head, body, reply }: Incoming): Answer | Promise<Answer> {
  const { target } = head
  const question = target.indexOf('?')
  const rawPath = question < 0 ? target : target.slice(0, question)
  const path = decodePath(rawPath)
  // Consul: its first page does not look at the method.
  const method = path === '/' ? 'GET' : head.method
  if (path === null) return /%(?![0-9a-fA-F]{2})/.test(rawPath) ? textAnswer(400, '400 Bad Request') : empty(400)
  if (!registry.access.allows(head, path, question < 0 ? '' : target.slice(question + 1)))
    return textAnswer(403, 'Permission denied')
  const redirect = redirectOf(path)
  if (redirect !== null) return moved(method, redirect, question < 0 ? '' : target.slice(question))
  const match = matchRoute(path)
  if (!match) return empty(404)
  if (method === 'OPTIONS') return { status: 200, body: '', headers: ['Allow', allowed(match.route)] }
  const handler = Object.hasOwn(match.route, method) ? match.route[method as Method] : undefined
  if (!handler) return textAnswer(405, `method ${method} not allowed`, ['Allow', allowed(match.route)])
  const query = question < 0 ? noQuery : parseQuery(target.slice(question + 1))
  if (!query) return empty(500)
  const apiRequest: Omit<ApiRequest, 'body'> = {
    method,
    path,
    rest: match.rest,
    query,
    isPretty: query.has('pretty'),
    header: (lowerName) => head.header(lowerName),
    onGone: (run) => {
      reply.onGone = run
      return () => (reply.onGone = null)
    },
  }
  if (body === null || method === 'GET' || method === 'DELETE') return handler(registry, { ...apiRequest, body: noBody })
  const read = body.read(bodyLimits.get(path) ?? plainLimit)
  if (read instanceof Promise) return read.then((whole) => handler(registry, { ...apiRequest, body: whole }))
  return handler(registry, { ...apiRequest, body: read })
}

/** Percent-decodes a path once; null when it cannot be, or holds what cannot be printed. */
function decodePath(rawPath: string): string | null {
  if (/^[\w./:@-]*$/.test(rawPath)) return rawPath
  try {
    const path = decodeURIComponent(rawPath)
    return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(path) ? path : null
  } catch {
    // Not percent-encoded UTF-8.
    return null
  }
}

function parseQuery(text: string): URLSearchParams | null {
  return /%(?![0-9a-fA-F]{2})/.test(text) ? null : new URLSearchParams(text)
}

function moved(method: string, path: string, query: string): Answer {
  const location = `${encodeURI(path)}${query}`
  const escaped = location.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&#34;')
  const page = method === 'GET' ? `<a href="${escaped}">Moved Permanently</a>.\n\n` : ''
  const headers = method === 'GET' || method === 'HEAD' ? ['Content-Type', 'text/html; charset=utf-8'] : []
  return { status: 301, body: page, headers: ['Location', location, ...headers] }
}

function allowed(route: Route): string {
  return ['OPTIONS', ...Object.keys(route)].join(',')
}

/** Logs a request when it has been answered; without its query, where a token may stand. */
function tellOf({ clock, logs }: Registry, { head: { method, target }, reply }: Incoming): void {
  const path = target.split('?', 1)[0] ?? ''
  const since = clock.monotonic()
  reply.onSent = () => {
    const { status } = reply
    const durationMs = Math.round(clock.monotonic() - since)
    logs.logger.debug(
      { event: 'registry.request', method, path, status, durationMs },
      `${method} ${path}: ${status} after ${durationMs} ms`,
    )
  }
}
