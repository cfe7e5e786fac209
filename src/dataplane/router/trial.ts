import { fieldOf } from '../../http1/field.ts'
import type { RequestHead } from '../exchange.ts'
import type { RouteMatch } from './route-match.ts'
import { compileRouter, type Router } from './router.ts'

/** A part of a match that does not take the request. */
export interface FailedPart {
  /** As config names it: `host`, `path`, `methods`, `headers.x-tenant`, `query.v`. */
  readonly part: string
  readonly wanted: string
  readonly found: string
}

/** Whether a route by itself takes a request, and what of it does not. */
export interface Trial {
  readonly takes: boolean
  readonly failed: readonly FailedPart[]
}

/** One part of a match as a match of its own. */
interface Part {
  readonly part: string
  readonly wanted: string
  readonly match: RouteMatch
  readonly foundIn: (request: RequestHead) => string
}

interface Compiled {
  readonly router: Router<object>
  readonly parts: readonly (Part & { readonly router: Router<object> })[]
}

const absent = 'absent'

/** Whoever asks asks about many requests; matches are immutable. */
const compiled = new WeakMap<RouteMatch, Compiled>()

/** Tries one route, and each part of its match as a route of its own: it is the router that answers, so there is no second opinion. */
export function tryRoute(match: RouteMatch, request: RequestHead): Trial {
  const { router, parts } = compile(match)
  if (router.find(request) !== null) return { takes: true, failed: [] }
  const failed = parts.filter((part) => part.router.find(request) === null)
  return { takes: false, failed: failed.map(({ part, wanted, foundIn }) => ({ part, wanted, found: foundIn(request) })) }
}

function compile(match: RouteMatch): Compiled {
  const known = compiled.get(match)
  if (known) return known
  const parts = partsOf(match).map((part) => ({ ...part, router: routerOf(part.match) }))
  const fresh = { router: routerOf(match), parts }
  compiled.set(match, fresh)
  return fresh
}

function routerOf(match: RouteMatch): Router<object> {
  return compileRouter([{ name: 'trial', match }])
}

function partsOf({ host, path, methods = [], headers = {}, query = {} }: RouteMatch): readonly Part[] {
  return [
    ...(host === undefined
      ? []
      : [{ part: 'host', wanted: host, match: { host }, foundIn: (request: RequestHead) => request.host }]),
    ...(path === undefined
      ? []
      : [{ part: 'path', wanted: path, match: { path }, foundIn: (request: RequestHead) => request.path }]),
    ...(methods.length === 0
      ? []
      : [{ part: 'methods', wanted: methods.join(', '), match: { methods }, foundIn: (request: RequestHead) => request.method }]),
    ...Object.entries(headers).map(([name, wanted]) => ({
      part: `headers.${name}`,
      wanted,
      match: { headers: { [name]: wanted } },
      foundIn: (request: RequestHead) => fieldOf(request.headers, name.toLowerCase()) ?? absent,
    })),
    ...Object.entries(query).map(([name, wanted]) => ({
      part: `query.${name}`,
      wanted,
      match: { query: { [name]: wanted } },
      foundIn: ({ query: text }: RequestHead) => new URLSearchParams(text).getAll(name).join(', ') || absent,
    })),
  ]
}
