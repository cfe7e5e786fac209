import { isDeepStrictEqual } from 'node:util'
import type { ExplainedDestination, Explanation, PolicyValue } from './explanation.ts'

/** One thing that is another one with the other config. */
export interface Difference {
  /** `route`, `filters`, `destinations`, or `shop: timeouts.responseMs`. */
  readonly what: string
  readonly now: unknown
  readonly candidate: unknown
}

/** What of an explanation is compared. */
export type Compared = Pick<Explanation, 'route' | 'filters' | 'path' | 'sticky' | 'mirror'> & {
  readonly destinations: readonly ComparedDestination[]
}

/** What of a destination is compared. */
export type ComparedDestination = Pick<ExplainedDestination, 'name' | 'upstream' | 'where' | 'weight'> & {
  readonly policy: readonly Pick<PolicyValue, 'setting' | 'value'>[]
}

/** What differs between two explanations of one request; what depends on who is healthy at the moment is left out. */
export function differencesOf(now: Compared, candidate: Compared): readonly Difference[] {
  const common = [
    compared('route', now.route, candidate.route),
    compared('filters', now.filters.map(filterText), candidate.filters.map(filterText)),
    compared('path', now.path, candidate.path),
    compared('sticky', now.sticky, candidate.sticky),
    compared('mirror', now.mirror, candidate.mirror),
    compared('destinations', now.destinations.map(targetText), candidate.destinations.map(targetText)),
  ]
  const both = now.destinations.flatMap((destination) => {
    const other = candidate.destinations.find(({ name }) => name === destination.name)
    return other ? [[destination, other] as const] : []
  })
  return [...common.flat(), ...both.flatMap(([one, other]) => policyDifferences(one, other))]
}

function compared(what: string, now: unknown, candidate: unknown): readonly Difference[] {
  return isDeepStrictEqual(now, candidate) ? [] : [{ what, now, candidate }]
}

function filterText({ kind, status }: Explanation['filters'][number]): string {
  return status === null ? kind : `${kind} (${status})`
}

/** Shares are drawn, so that it is the weight that is compared. */
function targetText({ name, upstream, where, weight }: ComparedDestination): string {
  const part = Object.entries(where ?? {}).map(([key, value]) => ` ${key}=${value}`)
  return `${name === upstream ? '' : `${name}: `}${upstream}${part.join('')} (${weight})`
}

function policyDifferences(one: ComparedDestination, other: ComparedDestination): readonly Difference[] {
  const [now, candidate] = [one, other].map(({ policy }) => new Map(policy.map(({ setting, value }) => [setting, value])))
  const settings = new Set([...(now?.keys() ?? []), ...(candidate?.keys() ?? [])])
  return [...settings].flatMap((setting) =>
    compared(`${one.name}: ${setting}`, now?.get(setting) ?? null, candidate?.get(setting) ?? null),
  )
}
