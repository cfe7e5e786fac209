import type { RouteConfig } from './config.ts'
import type { ConfigEntry } from './entry.ts'
import type { ConfigProblem } from './problem.ts'
import { shareName } from './share-name.ts'

type SplitEntry = Extract<ConfigEntry, { readonly kind: 'split' }>

/** The entries that say who gets the traffic of a route. */
export function splitsOf(entries: readonly ConfigEntry[]): readonly SplitEntry[] {
  return entries.filter((entry) => entry.kind === 'split')
}

/** The routes with the weights that entries give them. */
export function withSplits(routes: readonly RouteConfig[], splits: readonly SplitEntry[]): readonly RouteConfig[] {
  const byRoute = new Map(splits.map(({ value }) => [value.name, value.weights]))
  return routes.map((route) => {
    const weights = byRoute.get(route.name)
    return weights ? { ...route, to: route.to.map((share) => ({ ...share, weight: weights[shareName(share)] ?? 0 })) } : route
  })
}

/** By the entry's source: what does not fit its route. */
export function splitProblems(
  routes: readonly RouteConfig[],
  splits: readonly SplitEntry[],
): readonly (readonly [source: string, ConfigProblem])[] {
  const byName = new Map(routes.map((route) => [route.name, route]))
  return splits.flatMap(({ source, place, value: { name, weights } }) => {
    const message = problemOf(byName.get(name), weights)
    return message === null ? [] : [[source, { ...place, message }] as const]
  })
}

function problemOf(route: RouteConfig | undefined, weights: Readonly<Record<string, number>>): string | null {
  if (!route) return 'there is no route of that name: a split has the name of its route'
  const names = route.to.map(shareName)
  const unknown = Object.keys(weights).find((name) => !names.includes(name))
  return unknown === undefined ? null : `"${unknown}" is no destination of the route: write one of ${names.join(', ')}`
}
