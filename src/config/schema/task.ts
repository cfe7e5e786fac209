import { z } from 'zod'
import { cronProblem } from '../../controlplane/tasks/schedule.ts'
import { taskKinds } from '../../controlplane/tasks/table.ts'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import type { TaskConfig } from '../config.ts'
import { exactlyOneOf, oneOf, optionsByKind } from './kinds.ts'
import { about, duration, name } from './scalars.ts'

const taskName = name({
  description: 'Stable name: of its runs, and of the key in KV that overrides it.',
  example: 'nightly-report',
})

const schedule = {
  cron: z.string().meta(
    about({
      description: 'When it fires: minute, hour, day of month, month, day of week; with six fields the first is the second.',
      example: '0 3 * * *',
    }),
  ),
  timezone: z
    .string()
    .optional()
    .meta(about({ description: 'Of the cron expression; an IANA name.', default: 'UTC', example: 'Europe/Berlin' })),
  timeout: duration({
    description: 'A run that takes longer is cut and has failed.',
    default: formatDurationMs(builtIn.taskTimeoutMs),
  }).optional(),
  ...optionsByKind(taskKinds),
}

interface Written {
  readonly name?: string | undefined
  readonly cron: string
  readonly timezone?: string | undefined
  readonly timeout?: number | undefined
}

function checkTask(task: Written & Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  exactlyOneOf(taskKinds, task, context)
  const badZone = cronProblem('* * * * *', task.timezone ?? 'UTC')
  if (badZone !== null) return context.addIssue({ code: 'custom', path: ['timezone'], message: badZone })
  const problem = cronProblem(task.cron, task.timezone ?? 'UTC')
  if (problem !== null)
    context.addIssue({ code: 'custom', path: ['cron'], message: `${problem}; write "0 3 * * *" for every day at three` })
}

function taskOf(name: string, task: Written & Readonly<Record<string, unknown>>): TaskConfig {
  const chosen = oneOf(taskKinds, task, null)
  return {
    name,
    cron: task.cron,
    timezone: task.timezone ?? 'UTC',
    timeoutMs: task.timeout ?? builtIn.taskTimeoutMs,
    kind: chosen?.kind ?? '',
    options: chosen?.options,
  }
}

/** A task as it stands in the file. */
export const task = z
  .strictObject({ name: taskName, ...schedule })
  .superRefine(checkTask)
  .transform((written): TaskConfig => taskOf(written.name, written))
  .meta(
    about({
      description: 'Scheduled work; exactly one kind.',
      example: { name: 'nightly-report', cron: '0 3 * * *', call: 'POST http://reports/run' },
    }),
  )

/** A task as it stands in KV, where its key is its name. */
export const taskEntry = z
  .strictObject({ name: taskName.optional(), ...schedule })
  .superRefine(checkTask)
  .transform((written) => ({ name: written.name, named: (name: string): TaskConfig => taskOf(name, written) }))
