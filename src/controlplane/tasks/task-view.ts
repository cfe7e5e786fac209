import type { TaskConfig } from '../../config/config.ts'
import type { LeaderView } from '../../registry/leader-record.ts'
import type { Attempt, RunRecord } from './run-record.ts'

const SHOWN_RUNS = 20

/** One run of a task, for people. */
export interface RunView {
  /** The planned time, ISO 8601 in UTC. */
  readonly fireTime: string
  /** The gateway that ran it, and its term. */
  readonly by: string
  readonly term: string
  /** Null: it runs, waits for its next attempt, or its gateway ended before it did. */
  readonly ok: boolean | null
  readonly detail: string
  readonly durationMs: number | null
  readonly cause: RunRecord['cause']
  /** Of a run that makes up for several fires: the planned time of the first one. */
  readonly since: string | null
  readonly attempts: readonly Attempt[]
}

/** One task, for people. */
export interface TaskView {
  readonly name: string
  readonly cron: string
  readonly timezone: string
  readonly kind: string
  readonly overlap: TaskConfig['overlap']
  readonly catchUp: TaskConfig['catchUp']
  /** The next planned time, ISO 8601 in UTC. */
  readonly next: string | null
  /** The planned time of the run under way here; null: none. */
  readonly running: string | null
  /** The planned time of the fire that waits for its end; null: none. */
  readonly waiting: string | null
  readonly last: RunView | null
  /** The last runs in the whole fleet, the latest first; they are read every few seconds. */
  readonly runs: readonly RunView[]
}

export interface TasksView {
  readonly leader: LeaderView | null
  readonly isLeader: boolean
  readonly tasks: readonly TaskView[]
}

export interface TaskState {
  readonly next: Date | null
  readonly running: Date | null
  readonly waiting: Date | null
  readonly runs: readonly RunRecord[]
}

export function taskView(config: TaskConfig, { next, running, waiting, runs }: TaskState): TaskView {
  const { name, cron, timezone, kind, overlap, catchUp } = config
  const views = runs.slice(0, SHOWN_RUNS).map(runView)
  return {
    name,
    cron,
    timezone,
    kind,
    overlap,
    catchUp,
    next: next?.toISOString() ?? null,
    running: running?.toISOString() ?? null,
    waiting: waiting?.toISOString() ?? null,
    last: views[0] ?? null,
    runs: views,
  }
}

export function runView({ fireTime, by, term, ok, detail, startedAt, endedAt, cause, since, attempts }: RunRecord): RunView {
  const durationMs = endedAt === null ? null : Date.parse(endedAt) - Date.parse(startedAt)
  return { fireTime, by, term, ok, detail, durationMs, cause, since: since ?? null, attempts }
}
