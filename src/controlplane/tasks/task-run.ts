import type { Clock } from '../../clock.ts'
import type { TaskConfig } from '../../config/config.ts'
import { formatDurationMs } from '../../durations.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Registry } from '../../registry/registry.ts'
import type { Leadership } from '../../registry/election.ts'
import { fireTimeName, type RunRecord, type RunRecords } from './run-record.ts'
import { taskKinds } from './table.ts'
import type { TaskContext, TaskRequest } from './task-kind.ts'

export interface TaskRunDeps {
  readonly registry: Registry
  readonly records: RunRecords
  /** Of our keys in KV. */
  readonly prefix: string
  /** Of this gateway, for the record. */
  readonly name: string
  readonly clock: Clock
  readonly call: (request: TaskRequest) => Promise<{ readonly status: number }>
}

/** One fire of one task, in one term. */
export interface Fire {
  readonly task: TaskConfig
  /** The planned time: with the task's name it is the identity of the fire, whatever the clocks say. */
  readonly fireTime: Date
  readonly leadership: Leadership
  /** Aborts when the gateway stops. */
  readonly stopping: AbortSignal
}

/**
 * Claims the fire and runs it; gives the outcome, or null if the fire has been claimed already, here or elsewhere. Throws (`registry_…`)
 * when it cannot be claimed: then it does not run.
 */
export async function runFire(fire: Fire, deps: TaskRunDeps): Promise<RunRecord | null> {
  const started = startRecord(fire, deps)
  if (!(await deps.records.claim(started))) return null
  const outcome = await outcomeOf(fire, deps)
  return finish({ ...started, ...outcome, endedAt: isoNow(deps.clock) }, deps)
}

/** Records that this fire does not run, and why; null if it has been claimed already. */
export async function skipFire(fire: Fire, why: string, deps: TaskRunDeps): Promise<RunRecord | null> {
  const started = startRecord(fire, deps)
  const record = { ...started, endedAt: started.startedAt, ok: false, detail: `skipped: ${why}` }
  return (await deps.records.claim(record)) ? record : null
}

/** The record of a fire that begins now. */
export function startRecord({ task, fireTime, leadership }: Fire, { name, clock }: TaskRunDeps): RunRecord {
  return {
    task: task.name,
    fireTime: fireTime.toISOString(),
    by: name,
    pid: process.pid,
    term: String(leadership.term),
    startedAt: isoNow(clock),
    endedAt: null,
    ok: null,
    detail: 'running',
  }
}

async function finish(record: RunRecord, { records }: TaskRunDeps): Promise<RunRecord> {
  try {
    await records.finish(record)
    return record
  } catch (error) {
    return { ...record, detail: `${record.detail} (the outcome could not be recorded: ${messageOf(error)})` }
  }
}

async function outcomeOf(fire: Fire, deps: TaskRunDeps): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const { task, leadership, stopping } = fire
  const cut = new AbortController()
  const timer = deps.clock.after(task.timeoutMs, () =>
    cut.abort(new GatewayError('task_timeout', `task "${task.name}" did not end within ${formatDurationMs(task.timeoutMs)}`)),
  )
  const signal = AbortSignal.any([cut.signal, leadership.lost, stopping])
  try {
    signal.throwIfAborted()
    // A kind that does not listen to its signal must not keep the task from its next fire.
    return { ok: true, detail: await Promise.race([runKind(fire, signal, deps), rejectOnAbort(signal)]) }
  } catch (error) {
    return { ok: false, detail: messageOf(error) }
  } finally {
    timer.cancel()
    // Ends what the kind may still have under way.
    cut.abort(new GatewayError('task_failed', `task "${task.name}" has ended`))
  }
}

async function runKind({ task, fireTime, leadership }: Fire, signal: AbortSignal, deps: TaskRunDeps): Promise<string> {
  const kind = taskKinds[task.kind]
  if (!kind) throw new GatewayError('task_failed', `task "${task.name}": there is no kind "${task.kind}"`)
  const { registry, prefix, clock, call } = deps
  const key = `${task.name}/${fireTimeName(fireTime)}`
  const headers = { 'X-Fencing-Token': String(leadership.term), 'Idempotency-Key': key }
  const context: TaskContext = {
    task: task.name,
    signal,
    term: leadership.term,
    fireTime,
    key,
    call: (request) => call({ ...request, headers, signal }),
    registry,
    prefix,
    clock,
  }
  return kind.run(task.options, context)
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
}

function isoNow(clock: Clock): string {
  return new Date(clock.now()).toISOString()
}
