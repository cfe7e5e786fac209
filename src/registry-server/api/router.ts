import type { Route } from './route.ts'
import { routes } from './table.ts'

export interface Match {
  readonly route: Route
  /** What follows the route's path. */
  readonly rest: string
}

/** Finds the route of a decoded path: the exact one, else the longest that ends with a slash and starts it. */
export function matchRoute(path: string): Match | null {
  const exact = routeOf.get(path)
  if (exact && (path === '/' || !path.endsWith('/'))) return { route: exact, rest: '' }
  let found: Match | null = null
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
    const route = folders.get(path.slice(0, at + 1))
    // No route lies deeper.
    if (route === undefined) break
    if (route) found = { route, rest: path.slice(at + 1) }
  }
  return found
}

// Maps, because looking up a field of an object makes the engine remember each path that was ever asked for.
const routeOf: ReadonlyMap<string, Route> = new Map(Object.entries(routes))
/** Each path up to a slash of one that ends with a slash, with its route; null: it only leads to others. */
const folders: ReadonlyMap<string, Route | null> = new Map(
  [...routeOf.keys()]
    .filter((path) => path.endsWith('/'))
    .flatMap(pathsUpTo)
    .map((path) => [path, routeOf.get(path) ?? null]),
)
const lackingSlash: ReadonlySet<string> = new Set(
  [...folders].filter(([path, route]) => route && !routeOf.has(path.slice(0, -1))).map(([path]) => path.slice(0, -1)),
)

/** `/v1/kv/`: `/v1/`, `/v1/kv/`. */
function pathsUpTo(folder: string): string[] {
  const paths: string[] = []
  for (let at = folder.indexOf('/', 1); at > 0; at = folder.indexOf('/', at + 1)) paths.push(folder.slice(0, at + 1))
  return paths
}

/** Where Go's mux sends a path that has empty, `.` or `..` segments, or that lacks the slash of its route; null when it is fine. */
export function redirectOf(path: string): string | null {
  if (!/\/\/|\/\.\.?(?:\/|$)/.test(path)) return lackingSlash.has(path) ? `${path}/` : null
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  const isFolder = path.endsWith('/') || path.endsWith('/.') || path.endsWith('/..')
  return `/${kept.join('/')}${isFolder && kept.length > 0 ? '/' : ''}`
}
