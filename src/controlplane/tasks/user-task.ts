import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logging.ts'
import type { Kv } from '../../registry/registry.ts'
import type { ServiceCall } from './task-kind.ts'

/** What one attempt of a task of a user's own is given. */
export interface UserTaskContext {
  /** The name of the task. */
  readonly task: string
  /** Aborts on timeout, on loss of leadership and at shutdown: end what is under way then. */
  readonly signal: AbortSignal
  /** Grows with each leader: whoever keeps the greatest one it has seen can refuse a leader of yesterday. */
  readonly fencingToken: bigint
  /** When the run was planned, not when it began. */
  readonly fireTime: Date
  /** The same for every attempt of this run: whoever keeps it can recognise a repeated one. */
  readonly idempotencyKey: string
  /** Calls a service by its name, with `X-Fencing-Token` and `Idempotency-Key`. Rejects if no service has answered. */
  readonly call: (request: ServiceCall) => Promise<{ readonly status: number }>
  /** The KV store of the registry. */
  readonly kv: Kv
  readonly clock: Clock
  readonly logger: Logger
}

/** What a module of a user's own exports as `task`. */
export interface UserTaskKind<Options = unknown> {
  /** Checks the `options` of the config: a zod schema, or anything else with such a `parse`, which throws to refuse them. Absent: all are taken. */
  readonly options?: { parse(value: unknown): Options }
  /** Does the work and says for people what was done; what it throws is the outcome of the attempt. */
  run(options: Options, context: UserTaskContext): Promise<string> | string
  /** Says for people what a run would do. Absent: nobody can tell. */
  plan?(options: Options): Promise<string> | string
}

/** Gives a kind of task its types: `export const task = defineTask({ run: async (options, { call }) => … })`. */
export function defineTask<Options = unknown>(kind: UserTaskKind<Options>): UserTaskKind<Options> {
  return kind
}
