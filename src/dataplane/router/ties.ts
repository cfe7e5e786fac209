import { impliedBy, placeKey, takesAllOf } from './cover.ts'
import { parseHostPattern } from './host-pattern.ts'
import { parsePathPattern } from './path-pattern.ts'
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
