import type { TaskConfig } from '../../config/config.ts'
import type { RunRecord } from './run-record.ts'

/** One run of a task, for people. */
export interface RunView {
  /** The planned time, ISO 8601 in UTC. */
  readonly fireTime: string
  /** The gateway that ran it, and its term. */
  readonly by: string
  readonly term: string
  /** Null: it runs, or its gateway ended before it did. */
  readonly ok: boolean | null
  readonly detail: string
  readonly durationMs: number | null
}

/** One task, for people. */
export interface TaskView {
  readonly name: string
  readonly cron: string
  readonly timezone: string
  readonly kind: string
  /** The next planned time, ISO 8601 in UTC. */
  readonly next: string | null
  /** The planned time of the run under way here; null: none. */
  readonly running: string | null
  readonly last: RunView | null
  /** The last runs in the whole fleet, the latest first; they are read every few seconds. */
  readonly runs: readonly RunView[]
}

export interface TaskState {
  readonly next: Date | null
  readonly running: Date | null
  readonly runs: readonly RunRecord[]
}

export function taskView({ name, cron, timezone, kind }: TaskConfig, { next, running, runs }: TaskState): TaskView {
  const views = runs.map(runView)
  return {
    name,
    cron,
    timezone,
    kind,
    next: next?.toISOString() ?? null,
    running: running?.toISOString() ?? null,
    last: views[0] ?? null,
    runs: views,
  }
}

function runView({ fireTime, by, term, ok, detail, startedAt, endedAt }: RunRecord): RunView {
  const durationMs = endedAt === null ? null : Date.parse(endedAt) - Date.parse(startedAt)
  return { fireTime, by, term, ok, detail, durationMs }
}
