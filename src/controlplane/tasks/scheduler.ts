import { isDeepStrictEqual } from 'node:util'
import { pause, type Clock, type Random } from '../../clock.ts'
import type { TaskConfig } from '../../config/config.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Registry } from '../../registry/registry.ts'
import type { Election, Leadership } from '../../registry/election.ts'
import type { LeaderView } from '../../registry/leader-record.ts'
import { RunHistory } from './run-history.ts'
import { RunRecords, type RunRecord } from './run-record.ts'
import { startCronTicker, type StartTicker, type Ticker } from './schedule.ts'
import type { TaskRequest } from './task-kind.ts'
import { runFire, skipFire, startRecord, type Fire, type TaskRunDeps } from './task-run.ts'
import { taskView, type TaskView } from './task-view.ts'

/** At close, running work may end by itself for so long, and has as long again to notice its abort. */
const CLOSE_GRACE_MS = 5_000

export interface TaskScheduler {
  /** Replaces the tasks; those that did not change go on undisturbed, and what runs is not interrupted. */
  setTasks(tasks: readonly TaskConfig[]): void
  view(): TasksView
  /** Stops firing, waits for running work and aborts what does not end; never throws. */
  close(): Promise<void>
}

export interface TasksView {
  readonly leader: LeaderView | null
  readonly isLeader: boolean
  readonly tasks: readonly TaskView[]
}

export interface TaskSchedulerOptions {
  readonly registry: Registry
  readonly election: Election
  /** Run records are the keys `<prefix>/runs/<task>/<fireTime>`. */
  readonly prefix: string
  /** Of this gateway. */
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Sends a request to a service through the gateway's own upstream policy. */
  readonly call: (request: TaskRequest) => Promise<{ readonly status: number }>
  /** Default: node-cron, in real time. */
  readonly startTicker?: StartTicker
}

/**
 * Starts to run tasks: every gateway ticks, the leader runs. A fire is claimed in KV by its planned time before it runs, so that it runs at
 * most once in the fleet; one that nobody led at is not made up for. Closed by the caller.
 */
export function startTasks(options: TaskSchedulerOptions): TaskScheduler {
  return new Scheduler(options)
}

interface Scheduled {
  readonly config: TaskConfig
  readonly ticker: Ticker
}

class Scheduler implements TaskScheduler {
  readonly #options: TaskSchedulerOptions
  readonly #deps: TaskRunDeps
  readonly #history: RunHistory
  readonly #stopping = new AbortController()
  /** Planned times of what runs now, by task. */
  readonly #running = new Map<string, Date>()
  readonly #work = new Set<Promise<void>>()
  #scheduled: ReadonlyMap<string, Scheduled> = new Map()
  #isClosed = false

  constructor(options: TaskSchedulerOptions) {
    const { registry, prefix, name, clock, random, logger, call, election } = options
    const records = new RunRecords(registry, prefix)
    this.#options = options
    this.#deps = { registry, records, prefix, name, clock, call }
    this.#history = new RunHistory({ records, clock, random, logger, isLeader: () => election.current !== null }).start()
  }

  setTasks(tasks: readonly TaskConfig[]): void {
    if (this.#isClosed) return
    const before = this.#scheduled
    this.#scheduled = new Map(tasks.map((config) => [config.name, this.#schedule(config, before.get(config.name))]))
    for (const [name, { ticker }] of before) {
      if (this.#scheduled.get(name)?.ticker !== ticker) ticker.stop()
    }
  }

  view(): TasksView {
    const { election } = this.#options
    return {
      leader: election.leader,
      isLeader: election.current !== null,
      tasks: [...this.#scheduled.values()].map(({ config, ticker }) =>
        taskView(config, {
          next: ticker.next,
          running: this.#running.get(config.name) ?? null,
          runs: this.#history.of(config.name),
        }),
      ),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const { ticker } of this.#scheduled.values()) ticker.stop()
    this.#history.close()
    await this.#workEnds()
    this.#stopping.abort(new GatewayError('task_failed', 'the gateway stops'))
    await this.#workEnds()
  }

  async #workEnds(): Promise<void> {
    if (this.#work.size === 0) return
    const ended = new AbortController()
    const work = Promise.all(this.#work).then(() => ended.abort())
    await Promise.race([work, pause(this.#options.clock, CLOSE_GRACE_MS, ended.signal)])
  }

  #schedule(config: TaskConfig, before: Scheduled | undefined): Scheduled {
    if (before && isDeepStrictEqual(before.config, config)) return before
    const { startTicker = startCronTicker } = this.#options
    const { cron, timezone } = config
    return { config, ticker: startTicker({ cron, timezone, onFire: (fireTime) => this.#fire(config, fireTime) }) }
  }

  #fire(task: TaskConfig, fireTime: Date): void {
    const leadership = this.#options.election.current
    if (!leadership || this.#isClosed) return
    const fire: Fire = { task, fireTime, leadership, stopping: this.#stopping.signal }
    const work: Promise<void> = this.#carryOut(fire).finally(() => this.#work.delete(work))
    this.#work.add(work)
  }

  async #carryOut(fire: Fire): Promise<void> {
    const { task } = fire
    const earlier = this.#running.get(task.name)
    if (!earlier) this.#running.set(task.name, fire.fireTime)
    try {
      const record = earlier ? await this.#skip(fire, `the run of ${earlier.toISOString()} has not ended`) : await this.#run(fire)
      if (record) this.#tell(record)
    } catch (error) {
      const detail = `did not run, since its record could not be written: ${messageOf(error)}`
      this.#tell({ ...startRecord(fire, this.#deps), endedAt: new Date(this.#deps.clock.now()).toISOString(), ok: false, detail })
    } finally {
      if (!earlier) this.#running.delete(task.name)
    }
  }

  async #run(fire: Fire): Promise<RunRecord | null> {
    const { task, fireTime, leadership } = fire
    await this.#history.loadFor(leadership.term)
    const tooOld = this.#history.tooOldProblem(task.name, fireTime)
    if (tooOld !== null) return this.#refuse(fire, leadership, tooOld)
    return runFire(fire, this.#deps)
  }

  #refuse({ task }: Fire, { term }: Leadership, why: string): null {
    this.#options.logger.error(
      { event: 'task.too_old', task: task.name, term: String(term) },
      `task "${task.name}" did not run: ${why}`,
    )
    return null
  }

  #skip(fire: Fire, why: string): Promise<RunRecord | null> {
    return skipFire(fire, why, this.#deps)
  }

  #tell(record: RunRecord): void {
    this.#history.add(record)
    const { task, fireTime, ok, detail } = record
    const event = { event: ok ? 'task.done' : 'task.failed', task, fireTime, detail }
    if (ok) this.#options.logger.info(event, `task "${task}" done: ${detail}`)
    else this.#options.logger.warn(event, `task "${task}" failed: ${detail}`)
  }
}
