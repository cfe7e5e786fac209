import type { Verdict } from './verdict.ts'

/** What a log tells of the fields that it does not have: what the route wants that took the request, and what those before it want. */
export interface Knowledge {
  readonly holding: ReadonlySet<string>
  /** Of each of these one at least does not hold. */
  readonly failing: readonly (readonly string[])[]
}

/** The verdict, or what would have to be known. */
export type Settled = { readonly verdict: Verdict } | { readonly unknown: readonly string[] }

/** Concludes from the route that took a request when it was logged. */
export function knowledgeFrom(verdicts: readonly Verdict[], loggedRoute: string | null): Knowledge {
  const at = verdicts.findIndex(({ route }) => route === loggedRoute)
  const taken = verdicts[at]
  if (!taken) return { holding: new Set(), failing: [] }
  return { holding: new Set(taken.conditions), failing: verdicts.slice(0, at).map(({ conditions }) => conditions) }
}

/** Finds which of the possible verdicts is the one, by what is known. */
export function settle(verdicts: readonly Verdict[], { holding, failing }: Knowledge): Settled {
  for (const verdict of verdicts) {
    const { conditions } = verdict
    const unknown = conditions.filter((condition) => !holding.has(condition))
    if (unknown.length === 0) return { verdict }
    const fails = failing.some((wanted) => wanted.every((one) => holding.has(one) || conditions.includes(one)))
    if (!fails) return { unknown }
  }
  throw new Error('the last verdict has conditions')
}
