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
  readonly since: number
  readonly atStart: Traffic
  readonly before: Traffic
}

/** Tells the leader, by the status of this replica, what becomes of requests while a trial is on; else it does nothing. Closed by the caller. */
export class TrialReport {
  readonly #deps: TrialReportDeps
  readonly #repeat: Repeat
  #course: Course | null = null
  /** Where what was counted at the end of the last trial ends. */
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
    const now = await traffic()
    const { trial = null } = revisions.pointer ?? {}
    if (this.#course && this.#course.number !== trial?.number) this.#end(now)
    if (!trial) return false
    if (!this.#counts(trial)) return true
    this.#course ??= this.#begin(trial, now)
    const { number, since: startedSince, atStart, before } = this.#course
    const forMs = Math.round(clock.monotonic() - startedSince)
    const during = abridged(since(atStart, now), MOST_ROUTES)
    status.set(TRIAL_SECTION, writeTrialSection({ number, forMs, traffic: during, before }))
    return true
  }

  /** One that tries counts from when it runs what it is to try. */
  #counts({ replicas, revision, number }: Trial): boolean {
    const { replica, revisions } = this.#deps
    if (!replicas.includes(replica)) return true
    return revisions.standing.running === revision && revisions.standing.number === number
  }

  #begin({ number, replicas }: Trial, now: Traffic): Course {
    const { replica, clock } = this.#deps
    const before = replicas.includes(replica) ? abridged(since(this.#atEnd, now), MOST_ROUTES) : new Map()
    return { number, since: clock.monotonic(), atStart: now, before }
  }

  #end(now: Traffic): void {
    this.#course = null
    this.#atEnd = now
    this.#deps.status.set(TRIAL_SECTION, null)
  }
}
