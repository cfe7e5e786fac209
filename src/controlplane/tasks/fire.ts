import { createHash } from 'node:crypto'
import type { TaskConfig } from '../../config/config.ts'
import { fireTimeName, type RunRecord } from './run-record.ts'

/** One fire of one task: something that may run now. */
export interface Fire {
  readonly task: TaskConfig
  /** The planned time: with the task's name it is the identity of the fire, whatever the clocks say. */
  readonly fireTime: Date
  readonly cause: RunRecord['cause']
  /** Of a fire that makes up for several: the first one. */
  readonly since?: Date
  /** The open record of a run that goes on; absent: it is to begin. */
  readonly found?: RunRecord
}

/** The fire of a task of which nothing but the name is known. */
export interface NamedFire extends Omit<Fire, 'task'> {
  readonly task: Pick<TaskConfig, 'name'>
}

/** The name of a run for whoever is called by it: the same in each attempt. */
export function idempotencyKey({ task, fireTime }: Pick<Fire, 'task' | 'fireTime'>): string {
  return `${task.name}/${fireTimeName(fireTime)}`
}

/** How long after its planned time a fire begins, ms: the same on every gateway, and spread evenly over `jitter`. */
export function jitterMs({ name, jitterMs: most }: TaskConfig, fireTime: Date): number {
  if (most === 0) return 0
  const drawn = createHash('sha256')
    .update(`${name}/${fireTimeName(fireTime)}`)
    .digest()
    .readUInt32BE(0)
  return Math.floor((drawn / 2 ** 32) * most)
}
