import { differencesOf, type Compared, type Difference } from '../explain/difference.ts'
import type { LoggedRequest } from './logged-request.ts'
import type { RouteFacts } from './route-facts.ts'
import { knowledgeFrom, settle } from './settle.ts'
import type { Verdict } from './verdict.ts'

/** So many kinds of change, and of no change, are told apart; the rest is counted together. */
const MOST_KINDS = 2_000
const MOST_CONDITIONS = 1_000

/** A config that is asked what it would do. */
export interface Side {
  /** One list of possible verdicts per request. */
  verdictsOn(requests: readonly LoggedRequest[]): Promise<readonly (readonly Verdict[])[]>
  factsOf(route: string): Promise<RouteFacts>
}

/** A request, and where the log has it. */
export interface Logged {
  readonly line: number
  readonly request: LoggedRequest
  /** The route that took it; null: none did. */
  readonly route: string | null
}

/** Requests with which the same changes. */
export interface Change {
  /** The route; null: none takes them. */
  readonly now: string | null
  readonly candidate: string | null
  readonly requests: number
  /** Of the first of them. */
  readonly differences: readonly Difference[]
  readonly example: LoggedRequest & { readonly line: number }
}

export interface SimulationReport {
  readonly requests: number
  readonly changed: number
  /** The most frequent first. */
  readonly changes: readonly Change[]
  /** Changed ones beyond the kinds of change that are told apart. */
  readonly ungrouped: number
  readonly unjudged: number
  /** What would have to be known of them, the most frequent first. */
  readonly unknown: readonly { readonly condition: string; readonly requests: number }[]
  /** Requests that the log has on another route than they would take now. */
  readonly elsewhere: number
}

/** Replays logged requests through two configs and groups what changes. Its memory does not grow with the log. */
export class Simulation {
  readonly #now: Side
  readonly #candidate: Side
  /** Null: nothing changes. */
  readonly #kinds = new Map<string, Change | null>()
  readonly #unknown = new Map<string, number>()
  #requests = 0
  #changed = 0
  #ungrouped = 0
  #unjudged = 0
  #elsewhere = 0

  constructor(now: Side, candidate: Side) {
    this.#now = now
    this.#candidate = candidate
  }

  async add(batch: readonly Logged[]): Promise<void> {
    const requests = batch.map(({ request }) => request)
    const [now, candidate] = await Promise.all([this.#now.verdictsOn(requests), this.#candidate.verdictsOn(requests)])
    for (const [at, logged] of batch.entries()) await this.#judge(logged, now[at] ?? [], candidate[at] ?? [])
  }

  report(): SimulationReport {
    const changes = [...this.#kinds.values()].filter((change) => change !== null)
    const unknown = [...this.#unknown].map(([condition, requests]) => ({ condition, requests }))
    return {
      requests: this.#requests,
      changed: this.#changed,
      changes: changes.toSorted((a, b) => b.requests - a.requests),
      ungrouped: this.#ungrouped,
      unjudged: this.#unjudged,
      unknown: unknown.toSorted((a, b) => b.requests - a.requests),
      elsewhere: this.#elsewhere,
    }
  }

  async #judge(logged: Logged, nowPossible: readonly Verdict[], candidatePossible: readonly Verdict[]): Promise<void> {
    this.#requests++
    const knowledge = knowledgeFrom(nowPossible, logged.route)
    const now = settle(nowPossible, knowledge)
    if ('unknown' in now) return this.#leaveUnjudged(now.unknown)
    if (now.verdict.route !== logged.route) this.#elsewhere++
    const candidate = settle(candidatePossible, knowledge)
    if ('unknown' in candidate) return this.#leaveUnjudged(candidate.unknown)
    await this.#compare(logged, now.verdict, candidate.verdict)
  }

  #leaveUnjudged(conditions: readonly string[]): void {
    this.#unjudged++
    for (const condition of conditions) {
      const known = this.#unknown.get(condition)
      if (known !== undefined || this.#unknown.size < MOST_CONDITIONS) this.#unknown.set(condition, (known ?? 0) + 1)
    }
  }

  async #compare({ line, request }: Logged, now: Verdict, candidate: Verdict): Promise<void> {
    const kind = JSON.stringify([now.route, now.filters, candidate.route, candidate.filters, now.path === candidate.path])
    const known = this.#kinds.get(kind)
    if (known === null) return
    const differences = known?.differences ?? (await this.#differences(now, candidate))
    if (differences.length > 0) this.#changed++
    if (known) this.#kinds.set(kind, { ...known, requests: known.requests + 1 })
    else if (this.#kinds.size < MOST_KINDS) this.#kinds.set(kind, changeOf(differences, { now, candidate, line, request }))
    else if (differences.length > 0) this.#ungrouped++
  }

  async #differences(now: Verdict, candidate: Verdict): Promise<readonly Difference[]> {
    const [nowFacts, candidateFacts] = await Promise.all([factsOf(this.#now, now), factsOf(this.#candidate, candidate)])
    return [
      ...differencesOf(compared(now, nowFacts), compared(candidate, candidateFacts)),
      ...optionDifferences(nowFacts, candidateFacts),
    ]
  }
}

interface Found {
  readonly now: Verdict
  readonly candidate: Verdict
  readonly line: number
  readonly request: LoggedRequest
}

function changeOf(differences: readonly Difference[], { now, candidate, line, request }: Found): Change | null {
  if (differences.length === 0) return null
  return { now: now.route, candidate: candidate.route, requests: 1, differences, example: { line, ...request } }
}

const noFacts: RouteFacts = { sticky: false, mirror: null, filters: [], destinations: [] }

function factsOf(side: Side, { route }: Verdict): Promise<RouteFacts> {
  return route === null ? Promise.resolve(noFacts) : side.factsOf(route)
}

function compared({ route, filters, path }: Verdict, { sticky, mirror, destinations }: RouteFacts): Compared {
  const isReplied = filters.some(({ outcome }) => outcome === 'replied')
  return { route, filters, path, sticky, mirror, destinations: isReplied ? [] : destinations }
}

/** What filters of the same kinds do otherwise; that others are there is told already. */
function optionDifferences({ filters: now }: RouteFacts, { filters: candidate }: RouteFacts): readonly Difference[] {
  if (now.length !== candidate.length || now.some(({ kind }, at) => kind !== candidate[at]?.kind)) return []
  const differing = now.filter(({ print }, at) => print !== candidate[at]?.print)
  return differing.map(({ kind }) => ({ what: `options of ${kind}`, now: null, candidate: null }))
}
