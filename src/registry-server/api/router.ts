import type { Route } from './route.ts'
import { routes } from './table.ts'

export interface Match {
  readonly route: Route
  /** What follows the route's path. */
  readonly rest: string
}

// No path of the table has more segments in front of its last slash.
const mostSlashes = 6

/** Finds the route of a decoded path: the exact one, else the longest that ends with a slash and starts it. */
export function matchRoute(path: string): Match | null {
  const exact = own(path)
  if (exact && (path === '/' || !path.endsWith('/'))) return { route: exact, rest: '' }
  let found: Match | null = null
  for (let at = path.indexOf('/', 1), slashes = 0; at > 0 && slashes < mostSlashes; at = path.indexOf('/', at + 1), slashes++) {
    const route = own(path.slice(0, at + 1))
    if (route) found = { route, rest: path.slice(at + 1) }
  }
  return found
}

// A Map, because looking up a field of an object makes the engine remember each path that was ever asked for.
const routeOf: ReadonlyMap<string, Route> = new Map(Object.entries(routes))

function own(path: string): Route | undefined {
  return routeOf.get(path)
}

/** Where Go's mux sends a path that has empty, `.` or `..` segments, or that lacks the slash of its route; null when it is fine. */
export function redirectOf(path: string): string | null {
  if (!/\/\/|\/\.\.?(?:\/|$)/.test(path)) return !own(path) && own(`${path}/`) ? `${path}/` : null
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  const isFolder = path.endsWith('/') || path.endsWith('/.') || path.endsWith('/..')
  return `/${kept.join('/')}${isFolder && kept.length > 0 ? '/' : ''}`
}
