import { join } from 'node:path'
import { z } from 'zod'
import { GatewayError, messageOf } from '../../errors.ts'
import { backupsIn, removeBackups, writeBackup } from './backup-folder.ts'
import type { TaskKind } from './task-kind.ts'
import { fireTimeName } from './run-record.ts'

export interface BackupOptions {
  readonly keep: number
}

const options = z
  .strictObject({
    keep: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .meta({ description: 'So many backups of this task are kept, the latest.', default: 7, examples: [7] }),
  })
  .transform(({ keep }): BackupOptions => ({ keep: keep ?? 7 }))
  .describe(
    'Writes the registry, the config file and the config in KV into a folder below machine.backups, on the machine of the leader.',
  )

/**
 * Task kind `backup`: `<machine.backups>/<task>/<fire>/` with `registry.snap`, `gateway.yaml` and `config.json`. A backup is there whole or
 * not at all; older ones go when it is.
 */
export const backupTask: TaskKind<BackupOptions> = {
  options,
  run: async ({ keep }, context) => {
    const folder = join(context.machine.backups, context.task)
    const written = await writeBackup(join(folder, fireTimeName(context.fireTime)), context).catch((error: unknown) => {
      if (error instanceof GatewayError || context.signal.aborted) throw error
      throw new GatewayError('task_failed', `no backup in ${folder}: ${messageOf(error)}`, { cause: error })
    })
    const past = (await backupsIn(folder)).slice(keep)
    await removeBackups(folder, past)
    return `wrote ${written.folder} (${written.bytes} bytes)${past.length === 0 ? '' : `, removed ${past.join(', ')}`}`
  },
  plan: async ({ keep }, { task, machine }) => {
    const folder = join(machine.backups, task)
    const past = (await backupsIn(folder)).slice(keep - 1)
    return `writes a backup into ${folder}/ of the leader${past.length === 0 ? '' : `, and removes ${past.join(', ')}`}`
  },
}
