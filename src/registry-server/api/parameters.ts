import { Refusal } from '../refusal.ts'
import type { ApiRequest } from './api-request.ts'
import { parseCacheControl } from './cache-control.ts'
import { parseConsistency, parseIndex, parseWaitMs } from './read-options.ts'
import type { Method, Route } from './route.ts'

/** One thing that Consul looks at before it looks at what is asked. Refuses (400) what it cannot read. */
export type ParameterCheck = (request: ApiRequest) => void

/** Open-source Consul refuses to be asked for a namespace; an empty one is none. */
export const namespace: ParameterCheck = (request) => {
  const { query } = request
  if (request.header('x-consul-namespace')) throw noNamespaces('header: "X-Consul-Namespace"')
  if (query.get('ns')) throw noNamespaces('query parameter: "ns"')
}

/** `stale`, `consistent`, `cached`, `max_stale`, and the header `Cache-Control`, whether the answer is cached or not. */
export const consistency: ParameterCheck = (request) => {
  parseConsistency(request.query)
  parseCacheControl(request.header('cache-control') ?? '')
}

/** `wait` and `index`. */
export const waiting: ParameterCheck = ({ query }) => {
  parseWaitMs(query)
  parseIndex(query)
}

/** A route whose handlers run when all checks, in their order, have found nothing. */
export function checked(checks: readonly ParameterCheck[], route: Route): Route {
  const entries = Object.entries(route).map(([method, handler]) => {
    const guarded: typeof handler = (registry, request) => {
      if (hasParameters(request)) for (const check of checks) check(request)
      return handler(registry, request)
    }
    return [method as Method, guarded] as const
  })
  return Object.fromEntries(entries)
}

/** Most requests say nothing that could be wrong. */
function hasParameters(request: ApiRequest): boolean {
  const { query } = request
  return query.size > 0 || request.header('cache-control') !== undefined || request.header('x-consul-namespace') !== undefined
}

function noNamespaces(where: string): Refusal {
  return new Refusal(400, `Bad request: Invalid ${where} - Namespaces are a Consul Enterprise feature`)
}
