import type { RouteMatch } from '../../dataplane/router/route-match.ts'

export interface ShortRoute {
  /** The part in front of the arrow, which no name in KV can be. */
  readonly name: string
  readonly match: RouteMatch
  readonly upstream: string
}

/** Parses `shop.example.com/img/* -> images`, `/admin/* -> admin` or `shop.example.com -> shop`; null for anything else. */
export function parseShortRoute(text: string): ShortRoute | null {
  const found = /^\s*(\S+)\s+->\s+(\S+)\s*$/.exec(text)
  const [, pattern, upstream] = found ?? []
  if (pattern === undefined || upstream === undefined) return null
  const pathAt = pattern.startsWith('~') ? 0 : pattern.indexOf('/')
  const host = pathAt === -1 ? pattern : pattern.slice(0, pathAt)
  const match: RouteMatch = { ...(host === '' ? {} : { host }), ...(pathAt === -1 ? {} : { path: pattern.slice(pathAt) }) }
  return { name: pattern, match, upstream }
}
