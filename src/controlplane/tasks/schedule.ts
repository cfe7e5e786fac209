import { createTask, validateDetailed, type ScheduledTask } from 'node-cron'
import type { TaskConfig } from '../../config/config.ts'
import { formatDurationMs } from '../../durations.ts'
import { messageOf } from '../../errors.ts'
import { ZoneOffsets } from './zone-offsets.ts'

/** A fire without a record was missed when it is so old: before, a gateway whose clock is behind may be about to run it. */
const MISSED_AFTER_MS = 10_000

/** When a task fires. */
export interface Schedule {
  /** The first planned time after `from`, in whole seconds. */
  readonly next: (from: Date) => Date
}

/** What node-cron works with; its types do not tell it, the tests of this file hold it. */
interface Matcher {
  getNextMatch(from: Date): Date
}

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

/** Says why a jitter does not go with a cron expression that has no {@link cronProblem}; null: it does. */
export function jitterProblem(cron: string, timezone: string, jitterMs: number): string | null {
  if (jitterMs === 0) return null
  const { next } = scheduleOf(cron, timezone)
  const first = next(new Date(0))
  const gapMs = next(first).getTime() - first.getTime()
  if (jitterMs <= gapMs) return null
  return `is longer than the ${formatDurationMs(gapMs)} between two fires: write at most that`
}

/** Says why fires of a task would be let begin, or found missed, only when they may not begin any more; null: they would not. */
export function startWithinProblem(task: Pick<TaskConfig, 'jitterMs' | 'catchUp' | 'startWithinMs'>): string | null {
  const { jitterMs, catchUp, startWithinMs } = task
  const leastMs = catchUp === 'off' ? jitterMs : missedAfterMs(task)
  if (startWithinMs > leastMs) return null
  const when = `${catchUp === 'off' ? 'begins up to' : 'counts as missed'} ${formatDurationMs(leastMs)}`
  return `is ${formatDurationMs(startWithinMs)}, and a fire ${when} after its planned time: write more than that`
}

/** How long after its planned time a fire without a record was missed, ms. */
export function missedAfterMs({ jitterMs }: Pick<TaskConfig, 'jitterMs'>): number {
  return MISSED_AFTER_MS + jitterMs
}

/**
 * Reads a cron expression that has no {@link cronProblem}. When the clocks change, what fires in every hour (`*` as the hour) goes on by
 * the time that passes; what fires at an hour of the day fires once in an hour that is there twice, and not in one that is missing.
 */
export function scheduleOf(cron: string, timezone: string): Schedule {
  if (!firesEveryHour(cron)) return { next: nextBy(matcherOf(cron, timezone)) }
  const offsets = new ZoneOffsets(timezone)
  const byOffset = new Map<string, Matcher>()
  const matcherAt = (offset: string): Matcher => {
    const known = byOffset.get(offset) ?? matcherOf(cron, offset)
    byOffset.set(offset, known)
    return known
  }
  return {
    next: (from) => {
      // node-cron looks for the next local time, and so leaves out an hour that is there twice.
      let [at, offset] = [from, offsets.at(from)]
      for (let found = nextBy(matcherAt(offset))(at); ; found = nextBy(matcherAt(offset))(at)) {
        if (offsets.at(found) === offset) return found
        const change = offsets.changeBetween(at, found)
        at = new Date(change.getTime() - 1)
        offset = offsets.at(change)
      }
    },
  }
}

function nextBy(matcher: Matcher): (from: Date) => Date {
  return (from) => matcher.getNextMatch(from)
}

function matcherOf(cron: string, timezone: string): Matcher {
  const task = createTask(cron, () => undefined, { timezone }) as ScheduledTask & { readonly timeMatcher: Matcher }
  const { timeMatcher } = task
  void task.destroy()
  return timeMatcher
}

/** As in Vixie cron, by how the hour is written. */
function firesEveryHour(cron: string): boolean {
  const fields = cron.trim().split(/\s+/)
  return cron.trim().toLowerCase() === '@hourly' || (fields.at(-4) ?? '').startsWith('*')
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
