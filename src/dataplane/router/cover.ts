import type { HostPattern } from './host-pattern.ts'
import { segmentsOf, type PathPattern } from './path-pattern.ts'
import type { Predicates } from './predicates.ts'
import type { RouteMatch } from './route-match.ts'
import { parseCandidate, type Candidate } from './specificity.ts'

/** Whether a match takes all that another could. Both are valid; throws `config_invalid` for one that is not. */
export function covers(wide: RouteMatch, narrow: RouteMatch): boolean {
  return takesAllOf(parseCandidate({ name: 'wide', match: wide }, 0), parseCandidate({ name: 'narrow', match: narrow }, 1))
}

/** Whether one takes all that another could, as far as that is certain: a regular expression is only compared by its text. */
export function takesAllOf(wide: Candidate<unknown>, narrow: Candidate<unknown>): boolean {
  return takesHost(wide.host, narrow.host) && takesPath(wide.path, narrow.path) && impliedBy(wide.predicates, narrow.predicates)
}

function takesHost(wide: HostPattern | null, narrow: HostPattern | null): boolean {
  if (wide === null) return true
  if (narrow === null) return false
  if (wide.kind === 'wildcard' && narrow.kind === 'exact') return narrow.host.slice(narrow.host.indexOf('.')) === wide.suffix
  return hostKey(wide) === hostKey(narrow)
}

function takesPath(wide: PathPattern, narrow: PathPattern): boolean {
  if (wide.kind === 'any') return true
  if (wide.kind === 'regex') return narrow.kind === 'exact' ? wide.regex.test(narrow.path) : pathKey(wide) === pathKey(narrow)
  const segments = segmentsOfPattern(narrow)
  if (segments === null || wide.kind === 'exact') return pathKey(wide) === pathKey(narrow)
  if (wide.kind === 'prefix') return wide.segments.every((segment, i) => segment === segments[i])
  if (narrow.kind === 'prefix' || wide.segments.length !== segments.length) return false
  return wide.segments.every((segment, i) => (segment === null ? segments[i] !== '' : segment === segments[i]))
}

function segmentsOfPattern(path: PathPattern): readonly (string | null)[] | null {
  if (path.kind === 'exact') return segmentsOf(path.path)
  return path.kind === 'template' || path.kind === 'prefix' ? path.segments : null
}

/** Whether a request that has all that `narrow` asks for also has all that `wide` asks for. */
export function impliedBy(wide: Predicates, narrow: Predicates): boolean {
  if (wide.methods !== null && !hasOnly(narrow.methods, wide.methods)) return false
  return hasAll(narrow.headers, wide.headers) && hasAll(narrow.query, wide.query)
}

function hasOnly(methods: ReadonlySet<string> | null, allowed: ReadonlySet<string>): boolean {
  return methods !== null && [...methods].every((method) => allowed.has(method))
}

function hasAll(pairs: Predicates['headers'], wanted: Predicates['headers']): boolean {
  return wanted.every(([name, value]) => pairs.some(([otherName, otherValue]) => otherName === name && otherValue === value))
}

/** The same for two that take the same hosts and paths. */
export function placeKey({ host, path }: Candidate<unknown>): string {
  return `${hostKey(host)} ${pathKey(path)}`
}

function hostKey(host: HostPattern | null): string {
  if (host === null) return '*'
  return host.kind === 'exact' ? host.host : `*${host.suffix}`
}

// The kind goes in front, so that no path of one kind reads like one of another.
function pathKey(path: PathPattern): string {
  if (path.kind === 'exact') return `= ${path.path}`
  if (path.kind === 'regex') return `~ ${path.regex.source}`
  const segments = path.kind === 'any' ? [] : path.segments.map((segment) => segment ?? '{}')
  return `${path.kind} /${segments.join('/')}`
}
