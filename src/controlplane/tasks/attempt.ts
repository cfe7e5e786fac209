import { formatDurationMs } from '../../durations.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Leadership } from '../../registry/election.ts'
import { idempotencyKey, type Fire } from './fire.ts'
import type { AttemptEnd } from './run-steps.ts'
import { taskKinds } from './table.ts'
import type { TaskContext, TaskKind, TaskRequest, TaskSurroundings } from './task-kind.ts'
import type { TaskConfig } from '../../config/config.ts'

/** Of what a kind says or throws, characters: a record has to fit into an entry of KV, or the outcome could never be written. */
const MAX_DETAIL = 4_000

export interface AttemptDeps extends TaskSurroundings {
  /** Sends a request to a service through the gateway's own upstream policy. */
  readonly call: (request: TaskRequest) => Promise<{ readonly status: number }>
  /** Aborts when the gateway stops. */
  readonly stopping: AbortSignal
}

/** Does the work of a fire once, within the task's timeout and the leader's term; what goes wrong is its end, never thrown. */
export async function attemptFire(fire: Fire, leadership: Leadership, deps: AttemptDeps): Promise<AttemptEnd> {
  const { name, timeoutMs } = fire.task
  const cut = new AbortController()
  const timer = deps.clock.after(timeoutMs, () =>
    cut.abort(new GatewayError('task_timeout', `task "${name}" did not end within ${formatDurationMs(timeoutMs)}`)),
  )
  const ends = AbortSignal.any([leadership.lost, deps.stopping])
  const signal = AbortSignal.any([cut.signal, ends])
  try {
    signal.throwIfAborted()
    // A kind that does not listen to its signal must not keep the task from its next fire.
    const detail = await Promise.race([runKind(fire, { leadership, signal }, deps), rejectOnAbort(signal)])
    return { ok: true, detail: clipped(detail) }
  } catch (error) {
    return { ok: ends.aborted ? null : false, detail: clipped(messageOf(ends.aborted ? ends.reason : error)) }
  } finally {
    timer.cancel()
    // Ends what the kind may still have under way.
    cut.abort(new GatewayError('task_failed', `task "${name}" has ended`))
  }
}

/** The kind of a task. Throws `task_failed`. */
export function kindOf({ name, kind }: TaskConfig): TaskKind<unknown> {
  const found = taskKinds[kind]
  if (!found) throw new GatewayError('task_failed', `task "${name}": there is no kind "${kind}"`)
  return found
}

async function runKind(
  fire: Fire,
  { leadership, signal }: { readonly leadership: Leadership; readonly signal: AbortSignal },
  { registry, prefix, machine, configFile, clock, logger, call }: AttemptDeps,
): Promise<string> {
  const { task, fireTime } = fire
  const key = idempotencyKey(fire)
  const headers = { 'X-Fencing-Token': String(leadership.term), 'Idempotency-Key': key }
  const context: TaskContext = {
    registry,
    prefix,
    machine,
    configFile,
    clock,
    logger,
    task: task.name,
    signal,
    term: leadership.term,
    fireTime,
    key,
    call: (request) => call({ ...request, headers, signal }),
  }
  return kindOf(task).run(task.options, context)
}

function clipped(detail: string): string {
  return detail.length <= MAX_DETAIL ? detail : `${detail.slice(0, MAX_DETAIL)}…`
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
}
