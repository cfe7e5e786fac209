import { fullJitterMs } from '../../backoff.ts'
import { pause, type Random } from '../../clock.ts'
import type { TaskConfig } from '../../config/config.ts'
import { messageOf } from '../../errors.ts'
import type { Leadership } from '../../registry/election.ts'
import { attemptFire, type AttemptDeps } from './attempt.ts'
import type { Fire, NamedFire } from './fire.ts'
import type { Holder, RunRecord } from './run-record.ts'
import type { RunRecords } from './run-records.ts'
import { attempted, begun, closed, noMoreProblem, type AttemptEnd } from './run-steps.ts'

/** For so long it is tried to record a step of a run: a registry that restarts is back by then. */
const RECORD_FOR_MS = 60_000
const RECORD_BACKOFF = { baseMs: 500, maxMs: 5_000 }

export interface TaskRunDeps extends AttemptDeps {
  readonly records: RunRecords
  /** Of this gateway, for the record. */
  readonly name: string
  readonly random: Random
}

/**
 * Claims a fire and runs it, or goes on with the run that is found open; gives what its record says in the end. Null: another gateway has
 * it. Throws (`registry_…`) when it cannot be claimed: then it does not run.
 */
export async function runFire(fire: Fire, leadership: Leadership, deps: TaskRunDeps): Promise<RunRecord | null> {
  const holder = holderOf(leadership, deps)
  const { found } = fire
  if (!found) {
    const record = begun(newRecord(fire, holder, deps), holder, isoNow(deps))
    return (await deps.records.claim(record)) ? attempts({ fire, leadership, record }, deps) : null
  }
  const problem = noMoreProblem(found, fire.task, deps.clock.now())
  if (problem !== null) {
    const end = closed(found, false, `${found.detail}; ${problem}`, isoNow(deps))
    return (await deps.records.replace(found, end)) ? end : null
  }
  const record = begun(found, holder, isoNow(deps))
  return (await deps.records.replace(found, record)) ? attempts({ fire, leadership, record }, deps) : null
}

/** Records that a fire does not run, and why; null if it has been claimed already. */
export async function refuseFire(
  fire: NamedFire,
  leadership: Leadership,
  { why, ...deps }: Pick<TaskRunDeps, 'records' | 'name' | 'clock'> & { readonly why: string },
): Promise<RunRecord | null> {
  const { found } = fire
  const end = closed(found ?? newRecord(fire, holderOf(leadership, deps), deps), false, why, isoNow(deps))
  return (await (found ? deps.records.replace(found, end) : deps.records.claim(end))) ? end : null
}

/** The record of a fire that begins now, before its first attempt. */
export function newRecord(
  { task, fireTime, cause, since }: NamedFire,
  holder: Holder,
  deps: Pick<TaskRunDeps, 'clock'>,
): RunRecord {
  return {
    task: task.name,
    fireTime: fireTime.toISOString(),
    ...holder,
    startedAt: isoNow(deps),
    endedAt: null,
    ok: null,
    detail: '',
    cause,
    ...(since ? { since: since.toISOString() } : {}),
    attempts: [],
  }
}

interface Run {
  readonly fire: Fire
  readonly leadership: Leadership
  /** As it was written last: its attempt begins. */
  readonly record: RunRecord
}

async function attempts({ fire, leadership, ...run }: Run, deps: TaskRunDeps): Promise<RunRecord> {
  const ends = AbortSignal.any([leadership.lost, deps.stopping])
  for (let { record } = run; ;) {
    const end = await attemptFire(fire, leadership, deps)
    const ended = afterAttempt(record, end, { task: fire.task, deps })
    const unrecorded = await recorded(record, ended, deps)
    if (unrecorded !== null) return { ...ended, detail: `${ended.detail} (${unrecorded})` }
    // An interrupted run is left open for the next leader.
    if (ended.ok !== null || end.ok === null) return ended
    await pause(deps.clock, backoffMs(ended, fire.task), ends)
    if (ends.aborted) return ended
    record = begun(ended, holderOf(leadership, deps), isoNow(deps))
    const lost = await recorded(ended, record, deps)
    if (lost !== null) return { ...ended, detail: `${ended.detail} (${lost})` }
  }
}

function afterAttempt(
  record: RunRecord,
  end: AttemptEnd,
  { task, deps }: { readonly task: TaskConfig; readonly deps: TaskRunDeps },
): RunRecord {
  const at = isoNow(deps)
  const after = attempted(record, end, at)
  if (end.ok) return closed(after, true, end.detail, at)
  const nextAt = deps.clock.now() + (end.ok === false ? backoffMs(after, task) : 0)
  const problem = noMoreProblem(after, task, nextAt)
  if (problem === null) return after
  const isOnly = end.ok === false && after.attempts.length === 1
  return closed(after, false, isOnly ? end.detail : `${after.detail}; ${problem}`, at)
}

/** Puts a step of a run into its record, however often that must be tried. Gives why it does not stand there; null: it does. */
async function recorded(before: RunRecord, after: RunRecord, deps: TaskRunDeps): Promise<string | null> {
  const { records, clock, random, stopping } = deps
  const since = clock.monotonic()
  for (let failures = 0; ; failures++) {
    try {
      return (await records.replace(before, after)) ? null : 'not recorded: another gateway has taken the run over'
    } catch (error) {
      const isOver = stopping.aborted || clock.monotonic() - since > RECORD_FOR_MS
      if (isOver) return `the outcome could not be recorded: ${messageOf(error)}`
    }
    await pause(clock, fullJitterMs(failures, random, RECORD_BACKOFF), stopping)
  }
}

/** Doubles with each attempt. One gateway runs a task, so there is no herd that jitter would have to spread. */
function backoffMs({ attempts: before }: RunRecord, { retry }: TaskConfig): number {
  return Math.min(retry.maxBackoffMs, retry.backoffMs * 2 ** (before.length - 1))
}

export function holderOf({ term }: Leadership, { name }: Pick<TaskRunDeps, 'name'>): Holder {
  return { by: name, pid: process.pid, term: String(term) }
}

function isoNow({ clock }: Pick<TaskRunDeps, 'clock'>): string {
  return new Date(clock.now()).toISOString()
}
