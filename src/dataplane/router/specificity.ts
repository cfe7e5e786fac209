import { GatewayError } from '../../errors.ts'
import { parseHostPattern, type HostPattern } from './host-pattern.ts'
import { parsePathPattern, type PathPattern } from './path-pattern.ts'
import { parsePredicates, type Predicates } from './predicates.ts'
import type { RouteMatch } from './route-match.ts'

/** A route as the router looks at it. */
export interface Candidate<R> {
  readonly route: R
  /** Null takes every host. */
  readonly host: HostPattern | null
  readonly path: PathPattern
  readonly predicates: Predicates
  readonly priority: number
  /** Its place in the config; the last thing that decides. */
  readonly index: number
}

type Patterns = Pick<Candidate<unknown>, 'host' | 'path' | 'predicates'>

/** What has been parsed of matches that are still in use: of 10,000 routes a change touches a few. */
const parsed = new WeakMap<RouteMatch, Patterns>()

/** Parses the patterns of a route. Throws `config_invalid` with the route's name and what to write. */
export function parseCandidate<R extends { readonly name: string; readonly match: RouteMatch }>(
  route: R,
  index: number,
): Candidate<R> {
  const { match, name } = route
  const known = parsed.get(match)
  const { host, path, predicates } = known ?? parsePatterns(name, match)
  if (!known) parsed.set(match, { host, path, predicates })
  return { route, host, path, predicates, priority: match.priority ?? 0, index }
}

function parsePatterns(name: string, match: RouteMatch): Patterns {
  const host = match.host === undefined ? null : parseHostPattern(match.host)
  if (host?.ok === false) throw new GatewayError('config_invalid', `route "${name}": match.host ${host.reason}`)
  const path = parsePathPattern(match.path ?? '/*')
  if (!path.ok) throw new GatewayError('config_invalid', `route "${name}": match.path ${path.reason}`)
  return { host: host?.pattern ?? null, path: path.pattern, predicates: parsePredicates(match) }
}

const pathRank = { exact: 0, template: 1, prefix: 2, regex: 3, any: 4 } as const satisfies Record<PathPattern['kind'], number>

/**
 * Orders two routes that could take the same request, the winner first: higher priority; exact host, wildcard, any; exact path,
 * template (the one whose earlier segment is literal), longer prefix, regular expression, any; more predicates; earlier in the config.
 */
export function compareSpecificity(a: Candidate<unknown>, b: Candidate<unknown>): number {
  return (
    b.priority - a.priority ||
    hostRank(a.host) - hostRank(b.host) ||
    pathRank[a.path.kind] - pathRank[b.path.kind] ||
    comparePaths(a.path, b.path) ||
    b.predicates.count - a.predicates.count ||
    a.index - b.index
  )
}

function hostRank(host: HostPattern | null): number {
  if (host === null) return 2
  return host.kind === 'exact' ? 0 : 1
}

function comparePaths(a: PathPattern, b: PathPattern): number {
  if (a.kind === 'prefix' && b.kind === 'prefix') return b.segments.length - a.segments.length
  if (a.kind !== 'template' || b.kind !== 'template') return 0
  // Templates of different lengths never take the same path; any fixed order of them will do.
  if (a.segments.length !== b.segments.length) return a.segments.length - b.segments.length
  for (const [i, segment] of a.segments.entries()) {
    const difference = Number(segment === null) - Number(b.segments[i] === null)
    if (difference !== 0) return difference
  }
  return 0
}
