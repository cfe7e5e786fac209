import type { Explained } from '../explain/explain.ts'
import type { LoggedRequest } from './logged-request.ts'
import { routeFacts, type RouteFacts } from './route-facts.ts'
import type { Side } from './simulation.ts'
import { Judge, type Verdict } from './verdict.ts'

/** What a running gateway is asked. */
export interface VerdictQuestion {
  readonly requests: readonly LoggedRequest[]
  /** Names of routes whose facts are wanted. */
  readonly routes: readonly string[]
  readonly salt: string
}

/** What it answers. */
export interface VerdictAnswer {
  /** Of the config that says so. */
  readonly generation: number
  readonly verdicts: readonly (readonly Verdict[])[]
  /** Null: there is none of that name. */
  readonly facts: readonly (RouteFacts | null)[]
}

/** One per snapshot: whoever replays a log asks many times. */
const judges = new WeakMap<Explained['snapshot'], Judge>()

/** Answers for the config that serves. */
export function answerVerdicts(explained: Explained, { requests, routes, salt }: VerdictQuestion): VerdictAnswer {
  const { snapshot } = explained
  const judge = judges.get(snapshot) ?? new Judge(explained)
  judges.set(snapshot, judge)
  return {
    generation: snapshot.generation,
    verdicts: requests.map((request) => judge.verdictsOn(request)),
    facts: routes.map((name) => routeFacts(explained, name, salt)),
  }
}

/** A side that others answer for. Throws `config_changed` if its config changes on the way. */
export function sideOf(ask: (question: VerdictQuestion) => Promise<VerdictAnswer>, salt: string): Side {
  return {
    verdictsOn: async (requests) => (await ask({ requests, routes: [], salt })).verdicts,
    factsOf: async (route) => {
      const { facts } = await ask({ requests: [], routes: [route], salt })
      if (facts[0]) return facts[0]
      throw new Error(`route ${route} has a verdict and is not there`)
    },
  }
}
