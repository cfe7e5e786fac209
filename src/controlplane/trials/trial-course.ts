import { formatDurationMs } from '../../durations.ts'
import type { ReplicaReport } from '../replica-status.ts'
import type { Trial } from '../revisions/pointer.ts'
import { sectionOf } from '../revisions/revision-report.ts'
import { complaints } from './compare-traffic.ts'
import { together } from './traffic.ts'
import { totalsOf, trialSectionOf, type TrialSection } from './trial-section.ts'

/** What is to become of a trial. */
export type Step = { readonly kind: 'wait' } | { readonly kind: 'promote' | 'undo'; readonly reason: string }

/** A replica that tells nothing for so long is gone, ms; a moment without a session is no end. */
const GONE_AFTER_MS = 5_000
/** What a replica says against a revision may be about to pass, ms: of a write of many keys it may have seen some. */
const REFUSED_AFTER_MS = 1_000
/** So many complaints stand in the history. */
const MOST_TOLD = 3

interface Trouble {
  readonly text: string
  readonly since: number
}

/** Decides about one trial by what the replicas tell, look by look. */
export class TrialCourse {
  readonly trial: Trial
  readonly #since: number
  readonly #troubles = new Map<string, Trouble>()
  /** How long each has been at it when it was seen last, ms. */
  readonly #seenForMs = new Map<string, number>()

  /** `now`: of the first look. */
  constructor(trial: Trial, now: number) {
    this.trial = trial
    this.#since = now
  }

  /** `now` never goes back, ms. */
  next(reports: readonly ReplicaReport[], now: number): Step {
    const { replicas, number } = this.trial
    const trying = new Map(replicas.map((name) => [name, reports.find(({ replica }) => replica === name) ?? null]))
    for (const [name, report] of trying) {
      const why = this.#whyFailed(name, report, now)
      if (why !== null) return { kind: 'undo', reason: why }
    }
    const sectionsOf = (wanted: boolean): readonly TrialSection[] =>
      reports.flatMap((report) => (trying.has(report.replica) === wanted ? (trialSectionOf(report, number) ?? []) : []))
    const [told, others] = [sectionsOf(true), sectionsOf(false)]
    const worse = complaints(together(told.map(({ traffic }) => traffic)), [
      { name: 'at the others', traffic: together(others.map(({ traffic }) => traffic)) },
      { name: 'before', traffic: together(told.map(({ before }) => before)) },
    ])
    if (worse.length > 0) return { kind: 'undo', reason: worseText(worse) }
    return this.#byTime(told, now)
  }

  #byTime(told: readonly TrialSection[], now: number): Step {
    const { replicas, watchMs, minRequests, deadlineMs } = this.trial
    const { requests, failures } = sumOf(told)
    const isWatched = told.length === replicas.length && told.every(({ forMs }) => forMs >= watchMs)
    if (isWatched && requests >= minRequests) {
      const who = replicas.length === 1 ? 'one replica' : `${replicas.length} replicas`
      const reason = `${who} served ${requests} requests by it in ${formatDurationMs(watchMs)} or more, no worse than else (${failures} failed)`
      return { kind: 'promote', reason }
    }
    // The next leader has not seen how long it takes, but the replicas tell that too.
    const tookMs = Math.max(now - this.#since, ...told.map(({ forMs }) => forMs))
    if (tookMs < deadlineMs) return { kind: 'wait' }
    const after = `after ${formatDurationMs(deadlineMs)}`
    const silent = replicas.length - told.length
    if (silent > 0) return { kind: 'undo', reason: `${after} ${silent} of ${replicas.length} did not run it` }
    const few = `${requests} requests are too few to judge it by`
    return { kind: 'undo', reason: `${after} ${few} (${minRequests} were asked for, by --min-requests)` }
  }

  /** Null: nothing speaks against it, or not for long enough. */
  #whyFailed(name: string, report: ReplicaReport | null, now: number): string | null {
    if (!report) return this.#isLasting({ name, text: `${name}, which tried it, is gone`, afterMs: GONE_AFTER_MS }, now)
    const standing = sectionOf(report)
    if (standing && standing.problem !== null && standing.number === this.trial.number)
      return this.#isLasting({ name, text: `${name} cannot run it: ${standing.problem}`, afterMs: REFUSED_AFTER_MS }, now)
    this.#troubles.delete(name)
    return this.#whyRestarted(name, trialSectionOf(report, this.trial.number))
  }

  /** A process that begins again was ended before: by somebody, or by what it tried. */
  #whyRestarted(name: string, section: TrialSection | null): string | null {
    const seenForMs = this.#seenForMs.get(name) ?? 0
    if (section) this.#seenForMs.set(name, section.forMs)
    return section && section.forMs < seenForMs ? `${name} has started again while it tried it` : null
  }

  #isLasting({ name, text, afterMs }: { name: string; text: string; afterMs: number }, now: number): string | null {
    const known = this.#troubles.get(name)
    const trouble = known?.text === text ? known : { text, since: now }
    this.#troubles.set(name, trouble)
    return now - trouble.since >= afterMs ? text : null
  }
}

function sumOf(sections: readonly TrialSection[]): { readonly requests: number; readonly failures: number } {
  const nothing = { requests: 0, failures: 0 }
  return sections
    .map(totalsOf)
    .reduce((sum, { requests, failures }) => ({ requests: sum.requests + requests, failures: sum.failures + failures }), nothing)
}

function worseText(worse: readonly string[]): string {
  const more = worse.length - MOST_TOLD
  return `${worse.slice(0, MOST_TOLD).join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}
