import type { TaskConfig } from '../../config/config.ts'
import type { Attempt, Holder, RunRecord } from './run-record.ts'

/** So often the gateway of a run may die or lose the lead before that counts: a task that brings its gateway down must not go round the fleet. */
const UNCOUNTED_INTERRUPTIONS = 3

/** How an attempt ended. */
export interface AttemptEnd {
  /** Null: it was interrupted. */
  readonly ok: boolean | null
  readonly detail: string
}

/** The step before each is what was written last; `at` is ISO 8601. */
export function begun(record: RunRecord, { by, pid, term }: Holder, at: string): RunRecord {
  const attempt: Attempt = { by, term, startedAt: at, endedAt: null, ok: null, detail: 'running' }
  const attempts = [...record.attempts.map((before) => interrupted(before, at)), attempt]
  return { ...record, by, pid, term, detail: 'running', attempts }
}

/** The attempt has ended; the run stays open. */
export function attempted(record: RunRecord, { ok, detail }: AttemptEnd, at: string): RunRecord {
  const attempts = record.attempts.map((attempt) =>
    attempt.endedAt === null ? { ...attempt, endedAt: at, ok, detail } : attempt,
  )
  const what = ok === null ? 'interrupted' : `attempt ${attempts.length} failed`
  return { ...record, attempts, detail: `${what}: ${detail}` }
}

/** The run has ended. */
export function closed(record: RunRecord, ok: boolean, detail: string, at: string): RunRecord {
  return { ...record, ok, detail, endedAt: at, attempts: record.attempts.map((attempt) => interrupted(attempt, at)) }
}

/** How many attempts a run has had that count. Those that were interrupted count where missed fires are not made up for. */
export function countedAttempts({ attempts }: RunRecord, { catchUp }: TaskConfig): number {
  const interruptions = attempts.filter(({ ok }) => ok === null).length
  const free = catchUp === 'off' ? 0 : Math.min(interruptions, UNCOUNTED_INTERRUPTIONS)
  return attempts.length - free
}

/** Why a run gets no attempt more at this time, ms; null: it may have one. */
export function noMoreProblem(record: RunRecord, task: TaskConfig, at: number): string | null {
  if (countedAttempts(record, task) >= task.retry.attempts) return 'no attempt is left'
  if (at - Date.parse(record.fireTime) > task.startWithinMs) return 'it is too late for another attempt (startWithin)'
  return null
}

/** An attempt that nobody has ended was that of a gateway that is gone. */
function interrupted(attempt: Attempt, at: string): Attempt {
  if (attempt.endedAt !== null) return attempt
  return { ...attempt, endedAt: at, detail: `interrupted: ${attempt.by} no longer leads, and left no outcome` }
}
