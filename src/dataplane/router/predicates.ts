import type { RequestHead } from '../exchange.ts'
import { isField } from '../../http1/field.ts'
import type { RouteMatch } from './route-match.ts'

/** What a route asks of a request besides host and path. All parts must hold. */
export interface Predicates {
  /** More of them win. The methods count as one, each field and each parameter too. */
  readonly count: number
  /** With HEAD where GET is: a HEAD is a GET without its body (RFC 9110 §9.3.2). Null takes all. */
  readonly methods: ReadonlySet<string> | null
  /** Lower-case name and exact value. */
  readonly headers: readonly (readonly [string, string])[]
  readonly query: readonly (readonly [string, string])[]
}

/** Takes the predicates out of a match. A part that is there and empty is as good as absent. */
export function parsePredicates({ methods, headers, query }: RouteMatch): Predicates {
  const fields = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const)
  const parameters = Object.entries(query ?? {})
  const methodSet = methods && methods.length > 0 ? new Set(methods) : null
  if (methodSet?.has('GET')) methodSet.add('HEAD')
  const count = (methodSet ? 1 : 0) + fields.length + parameters.length
  return count === 0 ? nothingAsked : { count, methods: methodSet, headers: fields, query: parameters }
}

const nothingAsked: Predicates = { count: 0, methods: null, headers: [], query: [] }

/** Whether a request has all that a route asks for. */
export function holds(predicates: Predicates, request: RequestHead): boolean {
  if (predicates.count === 0) return true
  const { methods, headers, query } = predicates
  if (methods !== null && !methods.has(request.method)) return false
  for (const [name, value] of headers) {
    if (!hasField(request.headers, name, value)) return false
  }
  return query.length === 0 || hasParameters(request.query, query)
}

function hasField(headers: readonly string[], lowerName: string, value: string): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i + 1] === value && isField(headers[i] ?? '', lowerName)) return true
  }
  return false
}

function hasParameters(query: string, wanted: Predicates['query']): boolean {
  if (query === '') return false
  const parameters = new URLSearchParams(query)
  return wanted.every(([name, value]) => parameters.has(name, value))
}
