import { formatDurationMs } from '../../durations.ts'
import { messageOf } from '../../errors.ts'
import type { Election, Leadership } from '../../registry/election.ts'
import type { Fire, NamedFire } from './fire.ts'
import type { LeftOver } from './left-over.ts'
import type { RunHistory } from './run-history.ts'
import type { RunRecord } from './run-record.ts'
import { closed } from './run-steps.ts'
import type { TaskStats } from './task-stats.ts'
import { holderOf, newRecord, refuseFire, runFire, type TaskRunDeps } from './task-run.ts'

export interface TaskRunnerOptions extends TaskRunDeps {
  readonly election: Election
  readonly history: RunHistory
  readonly leftOver: LeftOver
  readonly stats: TaskStats
}

/** Runs fires while this gateway leads, and tells how they ended. */
export class TaskRunner {
  readonly #options: TaskRunnerOptions

  constructor(options: TaskRunnerOptions) {
    this.#options = options
  }

  /** Never rejects. */
  run(fire: Fire): Promise<void> {
    return this.#lead(fire, async (leadership) => {
      const { history, leftOver, clock } = this.#options
      const { task, fireTime, found } = fire
      if (found) return runFire(fire, leadership, this.#options)
      await history.loadFor(leadership.term)
      await leftOver.know(task, { term: leadership.term, fireTime, now: clock.now() })
      const tooOld = history.tooOldProblem(task.name, fireTime)
      if (tooOld !== null) return this.#tellTooOld(task.name, leadership, tooOld)
      if (clock.now() - fireTime.getTime() <= task.startWithinMs) return runFire(fire, leadership, this.#options)
      const why = `skipped: it could not begin within ${formatDurationMs(task.startWithinMs)} (startWithin)`
      return refuseFire(fire, leadership, { ...this.#options, why })
    })
  }

  /** Records that a fire does not run. Never rejects. */
  refuse(fire: NamedFire, why: string): Promise<void> {
    return this.#lead(fire, (leadership) => refuseFire(fire, leadership, { ...this.#options, why }))
  }

  async #lead(fire: NamedFire, work: (leadership: Leadership) => Promise<RunRecord | null>): Promise<void> {
    const leadership = this.#options.election.current
    // What waited while the lead was lost is left to the next leader.
    if (!leadership) return
    try {
      const record = await work(leadership)
      if (!record) return
      this.#options.history.add(record)
      this.#tell(record)
    } catch (error) {
      this.#tellUnrecorded(fire, leadership, error)
    }
  }

  #tellUnrecorded(fire: NamedFire, leadership: Leadership, error: unknown): void {
    const { history, clock } = this.#options
    const record = fire.found ?? newRecord(fire, holderOf(leadership, this.#options), this.#options)
    const detail = `did not run, since its record could not be written: ${messageOf(error)}`
    const end = closed(record, false, detail, new Date(clock.now()).toISOString())
    history.addUnrecorded(end)
    this.#tell(end)
  }

  #tellTooOld(task: string, { term }: Leadership, why: string): null {
    this.#options.stats.count(task, false)
    this.#options.logger.error({ event: 'task.too_old', task, term: String(term) }, `task "${task}" did not run: ${why}`)
    return null
  }

  #tell(record: RunRecord): void {
    const { logger, stats } = this.#options
    const { task, fireTime, ok, detail } = record
    stats.count(task, ok)
    if (ok) return logger.info({ event: 'task.done', task, fireTime, detail }, `task "${task}" done: ${detail}`)
    const event = ok === null ? 'task.interrupted' : 'task.failed'
    logger.warn({ event, task, fireTime, detail }, `task "${task}" ${ok === null ? 'waits' : 'failed'}: ${detail}`)
  }
}
