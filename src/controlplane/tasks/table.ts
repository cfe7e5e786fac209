import { backupTask } from './backup.ts'
import { callTask } from './call.ts'
import { execTask } from './exec.ts'
import { moduleTask } from './module.ts'
import { pruneTask } from './prune.ts'
import type { TaskKind } from './task-kind.ts'

/** Every kind of task by its key in YAML: the line to add. */
export const taskKinds: Readonly<Record<string, TaskKind<unknown>>> = {
  call: callTask,
  prune: pruneTask,
  backup: backupTask,
  exec: execTask,
  module: moduleTask,
}
