import { z } from 'zod'
import { cronProblem, jitterProblem, startWithinProblem } from '../../controlplane/tasks/schedule.ts'
import { taskKinds } from '../../controlplane/tasks/table.ts'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import type { TaskConfig, TaskRetry } from '../config.ts'
import { exactlyOneOf, oneOf, optionsByKind } from './kinds.ts'
import { about, count, duration, durationOrOff, name } from './scalars.ts'

const DAY_MS = 86_400_000
const given = builtIn.task

const taskName = name({
  description: 'Stable name: of its runs, and of the key in KV that overrides it.',
  example: 'nightly-report',
})

const retry = z
  .strictObject({
    attempts: count({
      description: 'Attempts per fire in all; 1 is no retry. All carry the same `Idempotency-Key`.',
      default: given.retry.attempts,
      min: 1,
      max: 10,
    }).optional(),
    backoff: duration({
      description: 'The pause before the second attempt; it doubles with each one.',
      default: formatDurationMs(given.retry.backoffMs),
      maxMs: DAY_MS,
    }).optional(),
    maxBackoff: duration({
      description: 'No pause is longer.',
      default: formatDurationMs(given.retry.maxBackoffMs),
      maxMs: DAY_MS,
    }).optional(),
  })
  .transform(({ attempts, backoff, maxBackoff }): TaskRetry => ({
    attempts: attempts ?? given.retry.attempts,
    backoffMs: backoff ?? given.retry.backoffMs,
    maxBackoffMs: maxBackoff ?? given.retry.maxBackoffMs,
  }))
  .meta(about({ description: 'Trying a run again that has failed.', example: { attempts: 3, backoff: '10s' } }))

const settings = z.object({
  cron: z.string().meta(
    about({
      description: 'When it fires: minute, hour, day of month, month, day of week; with six fields the first is the second.',
      example: '0 3 * * *',
    }),
  ),
  timezone: z
    .string()
    .optional()
    .meta(about({ description: 'Of the cron expression; an IANA name.', default: given.timezone, example: 'Europe/Berlin' })),
  timeout: duration({
    description: 'An attempt that takes longer is cut and has failed.',
    default: formatDurationMs(given.timeoutMs),
  }).optional(),
  jitter: durationOrOff({
    description:
      'A fire begins up to so much after its planned time, which spreads tasks that are planned for the same minute; for one fire it is the same on every gateway. 0: at once.',
    default: given.jitterMs,
    example: '30s',
    maxMs: DAY_MS,
  }).optional(),
  overlap: z
    .enum(['skip', 'queue'])
    .optional()
    .meta(
      about({
        description:
          'What becomes of a fire while the run before it lasts: `skip`: it does not run; `queue`: it runs next, and those that come while one waits do not run, or later with `catchUp: each`.',
        default: given.overlap,
      }),
    ),
  catchUp: z
    .enum(['off', 'once', 'each'])
    .optional()
    .meta(
      about({
        description:
          'What becomes of fires that were missed while nobody led or the registry was away: `off`: they do not run; `once`: one run makes up for all of them, under the planned time of the last; `each`: each runs. With `once` and `each` a run whose gateway died is begun again too, so it must be safe to repeat.',
        default: given.catchUp,
      }),
    ),
  startWithin: duration({
    description:
      'No attempt begins later than so long after the planned time: neither of a fire that was missed or waits, nor of a run that has failed or was interrupted.',
    default: formatDurationMs(given.startWithinMs),
    minMs: 1_000,
    maxMs: DAY_MS,
  }).optional(),
  retry: retry.optional(),
})

const schedule = { ...settings.shape, ...optionsByKind(taskKinds) }

type Written = z.output<typeof settings> & Readonly<Record<string, unknown>>

function checkTask(task: Written, context: z.RefinementCtx): void {
  exactlyOneOf(taskKinds, task, context)
  const { cron, timezone = given.timezone, jitter = given.jitterMs } = task
  const badZone = cronProblem('* * * * *', timezone)
  if (badZone !== null) return context.addIssue({ code: 'custom', path: ['timezone'], message: badZone })
  const problem = cronProblem(cron, timezone)
  if (problem !== null)
    return context.addIssue({ code: 'custom', path: ['cron'], message: `${problem}; write "0 3 * * *" for every day at three` })
  const badJitter = jitterProblem(cron, timezone, jitter)
  if (badJitter !== null) return context.addIssue({ code: 'custom', path: ['jitter'], message: badJitter })
  const { catchUp = given.catchUp, startWithin = given.startWithinMs } = task
  const tooShort = startWithinProblem({ jitterMs: jitter, catchUp, startWithinMs: startWithin })
  if (tooShort !== null) context.addIssue({ code: 'custom', path: ['startWithin'], message: tooShort })
}

function taskOf(name: string, task: Written): TaskConfig {
  const chosen = oneOf(taskKinds, task, null)
  return {
    name,
    cron: task.cron,
    timezone: task.timezone ?? given.timezone,
    timeoutMs: task.timeout ?? given.timeoutMs,
    jitterMs: task.jitter ?? given.jitterMs,
    overlap: task.overlap ?? given.overlap,
    catchUp: task.catchUp ?? given.catchUp,
    startWithinMs: task.startWithin ?? given.startWithinMs,
    retry: task.retry ?? given.retry,
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
