import type { z } from 'zod'
import type { Clock } from '../../clock.ts'
import type { MachineConfig } from '../../config/config.ts'
import type { Logger } from '../../logging.ts'
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

/** What a kind of task works with on this gateway. */
export interface TaskSurroundings {
  readonly registry: Registry
  /** Of our keys in KV. */
  readonly prefix: string
  /** What tasks may do on this machine. */
  readonly machine: MachineConfig
  /** The config file of this gateway. */
  readonly configFile: string
  readonly clock: Clock
  readonly logger: Logger
}

/** What one attempt of a run is given. */
export interface TaskContext extends TaskSurroundings {
  /** The name of the task. */
  readonly task: string
  /** Aborts on timeout, on loss of leadership and at shutdown; the reason is the error. */
  readonly signal: AbortSignal
  /** The leader's term: whoever keeps the greatest one it has seen can refuse a leader of yesterday. */
  readonly term: bigint
  /** When the run was planned, not when it began. */
  readonly fireTime: Date
  /** The same for every attempt of this run: `<task>/<fireTime>`. */
  readonly key: string
  /** Calls a service through the gateway's own upstream policy, with `X-Fencing-Token` and `Idempotency-Key`. */
  readonly call: (request: ServiceCall) => Promise<{ readonly status: number }>
}

/** What a dry run is given. */
export interface PlanContext extends TaskSurroundings {
  readonly task: string
}

/** What one line of the task table holds: the schema of the value of the kind's key in YAML, what a run does, and what it would do. */
export interface TaskKind<Options> {
  readonly options: z.ZodType<Options>
  /** Does the work and says for people what was done. What it throws (`task_failed`, `registry_…`) is the outcome of the attempt. */
  run(options: Options, context: TaskContext): Promise<string>
  /** Says for people what a run would do now, and does nothing. Throws like `run`. */
  plan(options: Options, context: PlanContext): Promise<string>
}
