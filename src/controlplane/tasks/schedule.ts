import { createTask, validateDetailed, type ScheduledTask } from 'node-cron'
import { messageOf } from '../../errors.ts'

/** A replica that was busy fires up to so late; the planned time stays the fire's name. */
const LATE_BY_AT_MOST_MS = 30_000

/** Something that calls at planned times until it is stopped. */
export interface Ticker {
  /** The next planned time; null: stopped. */
  readonly next: Date | null
  stop(): void
}

export interface TickerOptions {
  readonly cron: string
  /** IANA name. */
  readonly timezone: string
  /** Gets the planned time, whole seconds, however late the call is. */
  readonly onFire: (fireTime: Date) => void
}

export type StartTicker = (options: TickerOptions) => Ticker

/**
 * Says why a cron expression (5 fields, or 6 with seconds first) or a timezone cannot be scheduled; null: it can. Day of month and day of
 * week must both match (node-cron), unlike in Vixie cron.
 */
export function cronProblem(expression: string, timezone: string): string | null {
  if (!isTimezone(timezone)) return `"${timezone}" is not a timezone: expected an IANA name such as "Europe/Berlin" or "UTC"`
  const { valid, errors } = validateDetailed(expression)
  if (!valid) return `"${expression}" is not a cron expression: ${errors.map(({ message }) => message).join('; ')}`
  return neverProblem(expression, timezone)
}

/** Ticks with node-cron, in real time; the caller stops it. The expression must have no {@link cronProblem}. */
export const startCronTicker: StartTicker = ({ cron, timezone, onFire }) => {
  const task = createTask(cron, ({ date }) => onFire(date), {
    timezone,
    missedExecutionTolerance: LATE_BY_AT_MOST_MS,
    suppressMissedWarning: true,
    unref: true,
  })
  void task.start()
  let isStopped = false
  return {
    get next() {
      return isStopped ? null : task.getNextRun()
    },
    stop: () => {
      isStopped = true
      void task.destroy()
    },
  }
}

/** An expression that is well-formed but has no two fires in the next years would end the ticker with an error of its own. */
function neverProblem(expression: string, timezone: string): string | null {
  let task: ScheduledTask | null = null
  try {
    task = createTask(expression, () => undefined, { timezone })
    task.getNextRuns(2)
    return null
  } catch (error) {
    return `"${expression}" never fires: ${messageOf(error)}`
  } finally {
    void task?.destroy()
  }
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).format()
    return true
  } catch {
    // RangeError: the platform does not know it.
    return false
  }
}
