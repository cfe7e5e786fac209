import { parseHostPattern, type HostPattern } from './host-pattern.ts'
import { parsePathPattern, segmentsOf, type PathPattern } from './path-pattern.ts'
import type { Predicates } from './predicates.ts'
import type { RouteMatch } from './route-match.ts'
import { compareSpecificity, parseCandidate, type Candidate } from './specificity.ts'

/** Two routes of which one is pointless: the places of both in the list, the one that wins first. */
export interface Tie {
  readonly first: number
  readonly second: number
  /** `tie`: they take the same requests with the same right. `shadowed`: the first takes all that the second could. */
  readonly kind: 'tie' | 'shadowed'
}

interface Named {
  readonly name: string
  readonly match: RouteMatch
}

/**
 * Finds routes that can never be chosen, each with one route that is the reason. What it says is certain; it does not find everything:
 * a regular expression, for one, is only compared by its text. Routes with a pattern that is not valid are left out.
 */
export function findTies(routes: readonly Named[]): Tie[] {
  const ranked = routes
    .flatMap((route, index) => (isValid(route) ? [parseCandidate(route, index)] : []))
    .toSorted(compareSpecificity)
  const lowest = ranked.at(-1)?.priority
  const seenAt = new Map<string, Candidate<Named>[]>()
  // At one priority a route only hides another at the same place: a wider one ranks behind.
  const seenOverriding: Candidate<Named>[] = []
  const ties: Tie[] = []
  for (const candidate of ranked) {
    const place = placeKey(candidate)
    const rivals = seenAt.get(place) ?? []
    const equal = rivals.find((other) => isTie(other, candidate))
    const takesAll = (other: Candidate<Named>): boolean => takesAllOf(other, candidate)
    const winner = equal ?? rivals.find(takesAll) ?? seenOverriding.find(takesAll)
    if (winner) ties.push({ first: winner.index, second: candidate.index, kind: equal ? 'tie' : 'shadowed' })
    seenAt.set(place, rivals)
    rivals.push(candidate)
    if (candidate.priority !== lowest) seenOverriding.push(candidate)
  }
  return ties.toSorted((a, b) => a.second - b.second)
}

function isValid({ match }: Named): boolean {
  return (
    (match.host === undefined || parseHostPattern(match.host).ok) && (match.path === undefined || parsePathPattern(match.path).ok)
  )
}

/** Of two routes at the same place. */
function isTie(a: Candidate<unknown>, b: Candidate<unknown>): boolean {
  return (
    a.priority === b.priority &&
    a.predicates.count === b.predicates.count &&
    impliedBy(a.predicates, b.predicates) &&
    impliedBy(b.predicates, a.predicates)
  )
}

function takesAllOf(wide: Candidate<unknown>, narrow: Candidate<unknown>): boolean {
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
function impliedBy(wide: Predicates, narrow: Predicates): boolean {
  if (wide.methods !== null && !hasOnly(narrow.methods, wide.methods)) return false
  return hasAll(narrow.headers, wide.headers) && hasAll(narrow.query, wide.query)
}

function hasOnly(methods: ReadonlySet<string> | null, allowed: ReadonlySet<string>): boolean {
  return methods !== null && [...methods].every((method) => allowed.has(method))
}

function hasAll(pairs: Predicates['headers'], wanted: Predicates['headers']): boolean {
  return wanted.every(([name, value]) => pairs.some(([otherName, otherValue]) => otherName === name && otherValue === value))
}

function placeKey({ host, path }: Candidate<unknown>): string {
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
