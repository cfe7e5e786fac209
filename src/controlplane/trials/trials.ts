import { TrialLeader, type TrialLeaderDeps } from './trial-leader.ts'
import { TrialReport, type TrialReportDeps } from './trial-report.ts'

/** This gateway's part in trials of revisions: it tells what it serves, and decides while it leads. Closed by the caller. */
export class Trials {
  readonly #report: TrialReport
  readonly #leader: TrialLeader

  constructor(deps: TrialReportDeps & TrialLeaderDeps) {
    this.#report = new TrialReport(deps)
    this.#leader = new TrialLeader(deps)
  }

  /** Trials that this gateway has ended since it started, by how. */
  get ended(): TrialLeader['ended'] {
    return this.#leader.ended
  }

  /** To be called after each change of the pointer, or of what this replica runs. */
  look(): void {
    this.#report.look()
    this.#leader.look()
  }

  close(): void {
    this.#report.close()
    this.#leader.close()
  }
}
