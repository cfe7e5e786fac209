import { missedAfterMs, type Schedule } from './schedule.ts'
import type { TaskConfig } from '../../config/config.ts'
import { keptSince } from './run-records.ts'
import type { RunRecord } from './run-record.ts'

/** So many fires are made up for between two looks. */
const MOST_FIRES = 100
const FIRST_WINDOW_MS = 60_000

/** Fires of a task that have no record and should have one. */
export interface MissedFires {
  /** The earliest first. */
  readonly fireTimes: readonly Date[]
  /** Up to here, ms, nothing was missed. */
  readonly settledUntil: number
  /** The first one that the one fire stands for; null: each stands for itself. */
  readonly since: Date | null
}

export interface MissedQuestion {
  readonly task: TaskConfig
  readonly schedule: Schedule
  /** From here on, ms. */
  readonly settledUntil: number
  /** Of the task, the latest planned first. */
  readonly records: readonly RunRecord[]
  readonly now: number
}

/** Which fires of a task were missed: with `catchUp: each` the first ones, with `once` the last one, which stands for all before. */
export function missedFires({ task, schedule, settledUntil, records, now }: MissedQuestion): MissedFires {
  const madeUp = task.catchUp === 'once' ? lastMadeUp(records) : 0
  const from = Math.max(settledUntil, now - task.startWithinMs, (keptSince(records) ?? 0) - 1, madeUp)
  const until = now - missedAfterMs(task)
  if (from >= until) return nothingMissed(from)
  const recorded = new Set(records.map(({ fireTime }) => Date.parse(fireTime)))
  const search: Search = { schedule, from, until, isMissed: (fireTime) => !recorded.has(fireTime.getTime()) }
  const first = firstOf(search, task.catchUp === 'once' ? 1 : MOST_FIRES)
  const [since] = first.fireTimes
  return task.catchUp === 'once' && since ? { ...first, fireTimes: [lastOf(search)], since } : first
}

interface Search {
  readonly schedule: Schedule
  readonly from: number
  readonly until: number
  readonly isMissed: (fireTime: Date) => boolean
}

function firstOf({ schedule, from, until, isMissed }: Search, most: number): MissedFires {
  const fireTimes: Date[] = []
  let settledUntil = from
  for (const fireTime of planned(schedule, from, until)) {
    if (isMissed(fireTime)) fireTimes.push(fireTime)
    if (fireTimes.length === most) break
    if (fireTimes.length === 0) settledUntil = fireTime.getTime()
  }
  return fireTimes.length === 0 ? nothingMissed(until) : { fireTimes, settledUntil, since: null }
}

/** Looks back from the end, in windows that grow; one is known to be missed. */
function lastOf({ schedule, from, until, isMissed }: Search): Date {
  let end = until
  for (let windowMs = FIRST_WINDOW_MS; ; windowMs *= 2) {
    const start = Math.max(from, end - windowMs)
    const missed = [...planned(schedule, start, end)].findLast(isMissed)
    if (missed || start === from) return missed ?? new Date(until)
    end = start
  }
}

function nothingMissed(settledUntil: number): MissedFires {
  return { fireTimes: [], settledUntil, since: null }
}

/** The planned times after `from`, up to `until`. */
function* planned(schedule: Schedule, from: number, until: number): Generator<Date> {
  for (let next = schedule.next(new Date(from)); next.getTime() <= until; next = schedule.next(next)) yield next
}

function lastMadeUp(records: readonly RunRecord[]): number {
  const last = records.find(({ cause }) => cause === 'catchUp')
  return last ? Date.parse(last.fireTime) : 0
}
