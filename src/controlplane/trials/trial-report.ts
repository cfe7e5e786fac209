import type { Clock } from '../../clock.ts'
import type { ReplicaStatus } from '../replica-status.ts'
import type { Pointer, Trial } from '../revisions/pointer.ts'
import type { RevisionStanding } from '../revisions/revision-source.ts'
import { Repeat } from './repeat.ts'
import { abridged, since, type Traffic } from './traffic.ts'
import { TRIAL_SECTION, writeTrialSection } from './trial-section.ts'

const TELL_EVERY_MS = 1_000
/** So many routes are told of: a status is one value of KV. */
const MOST_ROUTES = 200

export interface TrialReportDeps {
  /** Of this one among the replicas. */
  readonly replica: string
  readonly revisions: { readonly pointer: Pointer | null; readonly standing: RevisionStanding }
  /** Since this gateway started, of all its workers. */
  readonly traffic: () => Promise<Traffic>
  readonly status: Pick<ReplicaStatus, 'set'>
  readonly clock: Clock
}

/** One trial, as far as this replica has to do with it. */
interface Course {
  readonly number: number
  readonly revision: string | null
  /** Of one that tries: what was before it knew of the trial. */
  readonly before: Traffic
  /** Where it begins to count; null: not yet. */
  readonly start: { readonly since: number; readonly traffic: Traffic } | null
}

/** Tells the leader, by the status of this replica, what becomes of requests while a trial is on; else it does nothing. Closed by the caller. */
export class TrialReport {
  readonly #deps: TrialReportDeps
  readonly #repeat: Repeat
  #course: Course | null = null
  /** What was counted when the last trial ended that was taken back: it is nothing to hold another one against. */
  #atEnd: Traffic = new Map()

  constructor(deps: TrialReportDeps) {
    this.#deps = deps
    this.#repeat = new Repeat({ clock: deps.clock, everyMs: TELL_EVERY_MS, work: () => this.#tell() })
  }

  /** To be called after each change of what this replica is to run, or runs. */
  look(): void {
    if (this.#course || this.#deps.revisions.pointer?.trial) this.#repeat.wake()
  }

  close(): void {
    this.#repeat.close()
  }

  async #tell(): Promise<boolean> {
    const { revisions, traffic, status, clock } = this.#deps
    // Before the reading: what this replica begins to run meanwhile is counted from the next one.
    const counts = this.#counts()
    const now = await traffic()
    const { trial = null } = revisions.pointer ?? {}
    if (this.#course && this.#course.number !== trial?.number) this.#end(this.#course, now)
    if (!trial) return false
    this.#course ??= this.#know(trial, now)
    if (counts === trial.number && !this.#course.start)
      this.#course = { ...this.#course, start: { since: clock.monotonic(), traffic: now } }
    const { number, before, start } = this.#course
    if (!start) return true
    const forMs = Math.round(clock.monotonic() - start.since)
    const during = abridged(since(start.traffic, now), MOST_ROUTES)
    status.set(TRIAL_SECTION, writeTrialSection({ number, forMs, traffic: during, before }))
    return true
  }

  /** The trial whose traffic is to be told: of one that tries, once it runs the revision. */
  #counts(): number | null {
    const { replica, revisions } = this.#deps
    const { pointer, standing } = revisions
    if (!pointer?.trial) return null
    const { replicas, revision, number } = pointer.trial
    const isThere = standing.running === revision && standing.number === number
    return isThere || !replicas.includes(replica) ? number : null
  }

  #know({ number, revision, replicas }: Trial, now: Traffic): Course {
    const isTrying = replicas.includes(this.#deps.replica)
    return { number, revision, before: isTrying ? abridged(since(this.#atEnd, now), MOST_ROUTES) : new Map(), start: null }
  }

  #end({ revision }: Course, now: Traffic): void {
    this.#course = null
    if (this.#deps.revisions.pointer?.revision !== revision) this.#atEnd = now
    this.#deps.status.set(TRIAL_SECTION, null)
  }
}
