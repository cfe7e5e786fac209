import { callTask } from './call.ts'
import { pruneTask } from './prune.ts'
import type { TaskKind } from './task-kind.ts'

/** Every kind of task by its key in YAML: the line to add. */
export const taskKinds: Readonly<Record<string, TaskKind<unknown>>> = {
  call: callTask,
  prune: pruneTask,
}
