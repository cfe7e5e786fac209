import type { z } from 'zod'
import type { Clock } from '../../clock.ts'
import type { Registry } from '../../registry/registry.ts'

/** An HTTP request to a service by its name. */
export interface ServiceCall {
  readonly method: string
  readonly service: string
  /** With the query: `/run?full=1`. */
  readonly path: string
}

/** A call as it leaves the scheduler: with the run's headers, cut by the run's signal. */
export interface TaskRequest extends ServiceCall {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** What one run of a task is given. */
export interface TaskContext {
  /** The name of the task. */
  readonly task: string
  /** Aborts on timeout, on loss of leadership and at shutdown; the reason is the error. */
  readonly signal: AbortSignal
  /** The leader's term: whoever keeps the greatest one it has seen can refuse a leader of yesterday. */
  readonly term: bigint
  /** When the run was planned, not when it began. */
  readonly fireTime: Date
  /** The same for every try of this run: `<task>/<fireTime>`. */
  readonly key: string
  /** Calls a service through the gateway's own upstream policy, with `X-Fencing-Token` and `Idempotency-Key`. */
  readonly call: (request: ServiceCall) => Promise<{ readonly status: number }>
  readonly registry: Registry
  /** Of our keys in KV. */
  readonly prefix: string
  readonly clock: Clock
}

/** What one line of the task table holds: the schema of the value of the kind's key in YAML, and what a run does. */
export interface TaskKind<Options> {
  readonly options: z.ZodType<Options>
  /** Does the work and says for people what was done. What it throws (`task_failed`, `registry_…`) is the outcome of the run. */
  run(options: Options, context: TaskContext): Promise<string>
}
