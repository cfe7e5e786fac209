import { isDeepStrictEqual } from 'node:util'
import { pause, type Clock, type Random } from '../../clock.ts'
import type { MachineConfig, TaskConfig } from '../../config/config.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Registry } from '../../registry/registry.ts'
import type { Election } from '../../registry/election.ts'
import { jitterMs, type Fire } from './fire.ts'
import { LeftOver } from './left-over.ts'
import { RunHistory } from './run-history.ts'
import { isOrder, type RunRecord } from './run-record.ts'
import { RunRecords } from './run-records.ts'
import { ScheduleMarks } from './schedule-marks.ts'
import { TaskDesk } from './task-desk.ts'
import type { TaskRequest } from './task-kind.ts'
import { TaskLine } from './task-line.ts'
import { TaskRunner } from './task-runner.ts'
import { TaskStats } from './task-stats.ts'
import { taskView, type TasksView } from './task-view.ts'
import { startTicker, type StartTicker, type Ticker } from './ticker.ts'

/** At close, running work may end by itself for so long, and has as long again to notice its abort. */
const CLOSE_GRACE_MS = 5_000

export interface TaskScheduler {
  /** For who asks for a run or wants to know what one would do. */
  readonly desk: TaskDesk
  readonly stats: TaskStats
  /** Whether something runs. */
  readonly isBusy: boolean
  /** Replaces the tasks; those that did not change go on undisturbed, and what runs is not interrupted. */
  setTasks(tasks: readonly TaskConfig[]): void
  view(): TasksView
  /** Stops firing, waits for running work and aborts what does not end; never throws. */
  close(): Promise<void>
}

export interface TaskSchedulerOptions {
  readonly registry: Registry
  readonly election: Election
  /** Run records are the keys `<prefix>/runs/<task>/<fireTime>`. */
  readonly prefix: string
  /** Of this gateway. */
  readonly name: string
  readonly machine: MachineConfig
  /** The config file of this gateway. */
  readonly configFile: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Sends a request to a service through the gateway's own upstream policy. */
  readonly call: (request: TaskRequest) => Promise<{ readonly status: number }>
  /** Default: by the clock. */
  readonly startTicker?: StartTicker
}

/**
 * Starts to run tasks: every gateway ticks, the leader runs. A fire is claimed in KV by its planned time before it runs, so that it runs
 * once in the fleet; what a former leader left open or missed is seen to as the task says. Closed by the caller.
 */
export function startTasks(options: TaskSchedulerOptions): TaskScheduler {
  return new Scheduler(options)
}

interface Scheduled {
  readonly config: TaskConfig
  readonly ticker: Ticker
  readonly line: TaskLine
}

class Scheduler implements TaskScheduler {
  readonly desk: TaskDesk
  readonly stats = new TaskStats()
  readonly #options: TaskSchedulerOptions
  readonly #runner: TaskRunner
  readonly #history: RunHistory
  readonly #marks: ScheduleMarks
  readonly #leftOver: LeftOver
  readonly #stopping = new AbortController()
  readonly #work = new Set<Promise<void>>()
  /** Of each task that is scheduled, or was and still runs: should it come back meanwhile, that run is not one that somebody has left. */
  readonly #lines = new Map<string, TaskLine>()
  #scheduled: ReadonlyMap<string, Scheduled> = new Map()
  #isClosed = false

  constructor(options: TaskSchedulerOptions) {
    const { election, startTicker: _, ...surroundings } = options
    const { registry, prefix, clock, random, logger } = options
    const records = new RunRecords(registry, prefix)
    const isLeader = (): boolean => this.#isLeader
    const onRead = (): Promise<void> => this.#seeToLeftOver()
    this.#options = options
    this.#marks = new ScheduleMarks(registry, prefix)
    this.#history = new RunHistory({ records, registry, prefix, clock, random, logger, isLeader, onRead })
    this.#leftOver = new LeftOver({ marks: this.#marks, recordsOf: (task) => this.#history.of(task) })
    this.#runner = new TaskRunner({
      ...surroundings,
      records,
      stopping: this.#stopping.signal,
      election,
      history: this.#history,
      leftOver: this.#leftOver,
      stats: this.stats,
    })
    this.desk = new TaskDesk({
      ...surroundings,
      records,
      election,
      ring: () => this.#history.ring(),
      taskOf: (name) => this.#scheduled.get(name)?.config,
      names: () => [...this.#scheduled.keys()],
      recordsOf: (name) => this.#history.of(name),
    })
    this.#history.start()
  }

  get isBusy(): boolean {
    return this.#work.size > 0
  }

  get #isLeader(): boolean {
    return this.#options.election.current !== null
  }

  setTasks(tasks: readonly TaskConfig[]): void {
    if (this.#isClosed) return
    const before = this.#scheduled
    this.#scheduled = new Map(tasks.map((config) => [config.name, this.#schedule(config, before.get(config.name))]))
    this.stats.keepOnly(new Set(this.#scheduled.keys()))
    for (const [name, { ticker }] of before) {
      const now = this.#scheduled.get(name)
      if (now?.ticker !== ticker) ticker.stop()
      if (!now) this.#forget(name)
    }
    for (const [name, { running }] of this.#lines) if (!running && !this.#scheduled.has(name)) this.#lines.delete(name)
  }

  view(): TasksView {
    const { election } = this.#options
    return {
      leader: election.leader,
      isLeader: this.#isLeader,
      tasks: [...this.#scheduled.values()].map(({ config, ticker, line }) =>
        taskView(config, {
          next: ticker.next,
          running: line.running?.fireTime ?? null,
          waiting: line.waiting?.fireTime ?? null,
          runs: this.#history.shown(config.name),
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
    const { startTicker: start = startTicker, clock } = this.#options
    const { name, cron, timezone } = config
    const ticker = start({ cron, timezone, clock, onFire: (fireTime) => void this.#tick(config, fireTime) })
    return { config, ticker, line: this.#lineOf(name) }
  }

  #lineOf(name: string): TaskLine {
    const known = this.#lines.get(name)
    if (known) return known
    const line = new TaskLine({
      run: (fire) => this.#run(fire),
      refuse: (fire, why) => this.#track(this.#runner.refuse(fire, why)),
      spare: () => (this.#isLeader && !this.#isClosed ? this.#leftOver.take(name) : undefined),
    })
    this.#lines.set(name, line)
    return line
  }

  /** As the task is now: it may have waited. What waits when the gateway stops is left to the next leader; what is of a task that is gone, to nobody. */
  #run(fire: Fire): Promise<void> {
    const scheduled = this.#scheduled.get(fire.task.name)
    if (this.#isClosed || !scheduled) return Promise.resolve()
    return this.#track(this.#runner.run({ ...fire, task: scheduled.config }))
  }

  #forget(name: string): void {
    this.#leftOver.forget(name)
    this.#history.forget(name)
    if (!this.#isLeader) return
    // Should this fail, the task is made up for when it comes back: it is not worth more.
    void this.#marks.forget(name).catch(() => {})
  }

  /** On every gateway: whoever leads when the fire is due runs it. */
  async #tick(task: TaskConfig, fireTime: Date): Promise<void> {
    const { clock } = this.#options
    const jitter = jitterMs(task, fireTime)
    const dueInMs = Math.min(jitter, fireTime.getTime() + jitter - clock.now())
    if (dueInMs > 0) await pause(clock, dueInMs, this.#stopping.signal)
    const scheduled = this.#scheduled.get(task.name)
    if (!scheduled || !this.#isLeader || this.#isClosed) return
    scheduled.line.enter({ task: scheduled.config, fireTime, cause: 'schedule' })
  }

  /** After each reading of the records, when we lead. Throws `registry_…`. */
  async #seeToLeftOver(): Promise<void> {
    const leadership = this.#options.election.current
    if (!leadership || this.#isClosed) return
    const now = this.#options.clock.now()
    for (const { config, line } of this.#scheduled.values()) {
      await this.#leftOver.look(config, { term: leadership.term, now, isUnderWay: (fireTime) => line.has(fireTime) })
      line.nudge()
    }
    await this.#refuseUnknown()
  }

  /** Runs that somebody has asked for, of tasks that this gateway does not have. */
  async #refuseUnknown(): Promise<void> {
    const isUnknown = (record: RunRecord): boolean => isOrder(record) && !this.#scheduled.has(record.task)
    for (const found of this.#history.all().filter(isUnknown)) {
      const { task, fireTime, cause } = found
      const why = `refused: ${this.#options.name}, which leads, has no task "${task}"`
      await this.#runner.refuse({ task: { name: task }, fireTime: new Date(fireTime), cause, found }, why)
    }
  }

  #track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => this.#work.delete(tracked))
    this.#work.add(tracked)
    return tracked
  }
}
