import type { RequestHead } from '../exchange.ts'
import { PathTable } from './path-table.ts'
import type { RouteMatch } from './route-match.ts'
import { compareSpecificity, parseCandidate, type Candidate } from './specificity.ts'

/** Finds the route of a request. Immutable once compiled. */
export interface Router<R> {
  /** The most specific route that takes the request, or null. It never throws. */
  find(request: RequestHead): R | null
}

/** The routes of one priority. */
interface Tier<R> {
  readonly priority: number
  readonly exactHosts: Map<string, PathTable<R>>
  /** By suffix, with its dot: a wildcard stands for exactly one label. */
  readonly wildcardHosts: Map<string, PathTable<R>>
  readonly anyHost: PathTable<R>
}

/**
 * Compiles routes so that the most specific one is found without looking at the others; a route whose predicates do not hold lets the
 * next one have the request. The order is that of `compareSpecificity`. Throws `config_invalid` for a pattern that is not valid.
 */
export function compileRouter<R extends { readonly name: string; readonly match: RouteMatch }>(routes: readonly R[]): Router<R> {
  const tiers: Tier<R>[] = []
  for (const candidate of routes.map(parseCandidate<R>).toSorted(compareSpecificity)) {
    let tier = tiers.at(-1)
    if (tier?.priority !== candidate.priority) {
      tier = { priority: candidate.priority, exactHosts: new Map(), wildcardHosts: new Map(), anyHost: new PathTable() }
      tiers.push(tier)
    }
    tableOf(tier, candidate).add(candidate)
  }
  return { find: (request) => findIn(tiers, request) }
}

function findIn<R>(tiers: readonly Tier<R>[], request: RequestHead): R | null {
  const { host } = request
  for (const { exactHosts, wildcardHosts, anyHost } of tiers) {
    const exact = exactHosts.size > 0 ? exactHosts.get(host) : undefined
    const found = exact?.find(request) ?? findWildcard(wildcardHosts, request) ?? anyHost.find(request)
    if (found !== null) return found
  }
  return null
}

function findWildcard<R>(tables: ReadonlyMap<string, PathTable<R>>, request: RequestHead): R | null {
  if (tables.size === 0) return null
  const firstDot = request.host.indexOf('.')
  return firstDot < 1 ? null : (tables.get(request.host.slice(firstDot))?.find(request) ?? null)
}

function tableOf<R>(tier: Tier<R>, { host }: Candidate<R>): PathTable<R> {
  if (host === null) return tier.anyHost
  const [tables, key] = host.kind === 'exact' ? [tier.exactHosts, host.host] : [tier.wildcardHosts, host.suffix]
  const known = tables.get(key)
  if (known) return known
  const fresh = new PathTable<R>()
  tables.set(key, fresh)
  return fresh
}
