import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { builtIn } from '../built-in.ts'
import type { MachineConfig } from '../config.ts'
import { about } from './scalars.ts'

/** What tasks may do on this machine. Not hot: who may write KV must not thereby run programs or choose where files go. */
export const machine = z
  .strictObject({
    exec: z
      .array(z.string().refine(isAbsolute, 'is no program: write its whole path, as in /usr/local/bin/report'))
      .max(100)
      .optional()
      .meta(
        about({
          description:
            'Programs that tasks of the kind `exec` may run here, by their whole path, with any arguments, also tasks in KV. Default: none.',
          example: ['/usr/local/bin/report'],
        }),
      ),
    execEnv: z
      .array(z.string().refine(isSettable, 'is no variable that a task can set: write letters, digits and "_", not MESHGATE_…'))
      .max(100)
      .optional()
      .meta(
        about({
          description:
            'Variables that tasks may set for these programs (`env`). Some make a program run what their value says (`BASH_ENV`, `LD_PRELOAD`, `PATH`), so each has to be named. Default: none.',
          example: ['REPORT_FORMAT'],
        }),
      ),
    backups: z
      .string()
      .min(1, 'names no folder: write ./backups')
      .optional()
      .meta(
        about({
          description:
            'Folder for what tasks of the kind `backup` write; a relative one is taken from the working directory. Only its owner can read them.',
          default: builtIn.machine.backups,
        }),
      ),
  })
  .transform(({ exec, execEnv, backups }): MachineConfig => ({
    exec: exec ?? [],
    execEnv: execEnv ?? [],
    backups: backups ?? builtIn.machine.backups,
  }))
  .meta(
    about({
      description: 'What tasks may do on the machine of this gateway, should it lead. Needs a restart.',
      example: { exec: ['/usr/local/bin/report'] },
    }),
  )

function isSettable(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !name.startsWith('MESHGATE_')
}
