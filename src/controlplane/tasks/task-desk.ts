import type { TaskConfig } from '../../config/config.ts'
import { closest } from '../../did-you-mean.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Election } from '../../registry/election.ts'
import type { LeaderView } from '../../registry/leader-record.ts'
import { kindOf } from './attempt.ts'
import { isOrder, NO_TERM, type RunRecord } from './run-record.ts'
import type { RunRecords } from './run-records.ts'
import { closed } from './run-steps.ts'
import { scheduleOf } from './schedule.ts'
import type { PlanContext, TaskSurroundings } from './task-kind.ts'
import { newRecord } from './task-run.ts'
import { runView, type RunView } from './task-view.ts'

const PLANNED_FIRES = 5
const ASK_TRIES = 3
/** More orders of one task are a script gone wild. */
const MAX_ORDERS = 20

export interface TaskDeskOptions extends TaskSurroundings {
  readonly records: RunRecords
  readonly election: Election
  /** Of this gateway. */
  readonly name: string
  /** Has the leader look. */
  readonly ring: () => Promise<void>
  readonly taskOf: (name: string) => TaskConfig | undefined
  readonly names: () => readonly string[]
  /** As read last. */
  readonly recordsOf: (name: string) => readonly RunRecord[]
}

/** A run that was asked for. */
export interface AskedRun {
  readonly task: string
  /** With the task its name, ISO 8601 in UTC. */
  readonly fireTime: string
  readonly leader: LeaderView
}

/** What a run of a task would do now. */
export interface TaskPlan {
  readonly task: string
  readonly kind: string
  readonly would: string
  /** The next planned times, ISO 8601 in UTC. */
  readonly next: readonly string[]
  readonly leader: LeaderView | null
}

/**
 * Takes orders to run a task now, on any gateway. An order is a run record that is open and of no term yet: the leader takes it over as
 * it takes over what another leader has left. All throw `not_found` and `registry_…`.
 */
export class TaskDesk {
  readonly #options: TaskDeskOptions

  constructor(options: TaskDeskOptions) {
    this.#options = options
  }

  /** Throws `no_leader` too. */
  async ask(name: string): Promise<AskedRun> {
    const task = this.#task(name)
    const { election, clock, records, recordsOf, ring } = this.#options
    const { leader } = election
    if (!leader)
      throw new GatewayError('no_leader', `nobody leads at present, so nobody would run "${name}": try again in a moment`)
    if (recordsOf(name).filter(isOrder).length >= MAX_ORDERS)
      throw new GatewayError(
        'registry_refused',
        `${MAX_ORDERS} runs of "${name}" that were asked for have not begun yet: wait for those`,
      )
    const holder = { by: this.#options.name, pid: process.pid, term: NO_TERM }
    for (let tries = 0; tries < ASK_TRIES; tries++) {
      const fireTime = unplannedTime(clock.now() + tries)
      const detail = `asked for through ${this.#options.name}`
      const record = { ...newRecord({ task, fireTime, cause: 'request' }, holder, this.#options), detail }
      if (!(await records.claim(record))) continue
      await ring()
      return { task: name, fireTime: record.fireTime, leader }
    }
    throw new GatewayError('registry_refused', `others ask for a run of "${name}" at the same time: try again`)
  }

  /** How a run does. */
  async run(name: string, fireTime: Date): Promise<RunView> {
    return runView(await this.#record(name, fireTime))
  }

  /** Takes an order back that no leader has taken, and tells how the run does. */
  async withdraw(name: string, fireTime: Date): Promise<RunView> {
    const { records, clock } = this.#options
    const found = await this.#record(name, fireTime)
    if (!isOrder(found)) return runView(found)
    const end = closed(found, false, 'withdrawn before a leader took it', new Date(clock.now()).toISOString())
    return (await records.replace(found, end)) ? runView(end) : this.run(name, fireTime)
  }

  /** Throws `task_failed` too: why it could not run. */
  async plan(name: string): Promise<TaskPlan> {
    const task = this.#task(name)
    const { cron, timezone, kind, options } = task
    const { registry, prefix, machine, configFile, clock, logger, election } = this.#options
    const context: PlanContext = { task: name, registry, prefix, machine, configFile, clock, logger }
    const would = await kindOf(task)
      .plan(options, context)
      .catch((error: unknown) => Promise.reject(asTaskFailed(error)))
    const schedule = scheduleOf(cron, timezone)
    const next: Date[] = []
    for (let from = new Date(clock.now()); next.length < PLANNED_FIRES; next.push(from)) from = schedule.next(from)
    return { task: name, kind, would, next: next.map((time) => time.toISOString()), leader: election.leader }
  }

  #task(name: string): TaskConfig {
    const task = this.#options.taskOf(name)
    if (task) return task
    const names = this.#options.names()
    const near = closest(name, names)
    const hint = near ? `did you mean "${near}"?` : `there are ${names.join(', ') || 'none'}`
    throw new GatewayError('not_found', `there is no task "${name}"; ${hint}`)
  }

  async #record(name: string, fireTime: Date) {
    const found = await this.#options.records.find(name, fireTime)
    if (found) return found
    throw new GatewayError('not_found', `task "${name}" has no run of ${fireTime.toISOString()}`)
  }
}

/** A module of the user's or the file system may throw anything. */
function asTaskFailed(error: unknown): GatewayError {
  return error instanceof GatewayError ? error : new GatewayError('task_failed', messageOf(error), { cause: error })
}

/** Cron plans whole seconds: never one of those. */
function unplannedTime(now: number): Date {
  return new Date(now % 1_000 === 0 ? now + 1 : now)
}
