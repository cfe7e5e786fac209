import type { TaskConfig } from '../../config/config.ts'
import type { Fire } from './fire.ts'
import { missedFires } from './missed-fires.ts'
import { isLeftTo, type RunRecord } from './run-record.ts'
import { missedAfterMs, scheduleOf, type Schedule } from './schedule.ts'
import type { ScheduleMarks } from './schedule-marks.ts'

export interface LeftOverOptions {
  readonly marks: ScheduleMarks
  readonly recordsOf: (task: string) => readonly RunRecord[]
}

interface Look {
  readonly term: bigint
  /** Wall ms. */
  readonly now: number
  /** Whether this gateway has the run of that planned time in hand. */
  readonly isUnderWay: (fireTime: string) => boolean
}

interface Seen {
  readonly term: bigint
  /** When the first look of the term was, ms. */
  readonly at: number
  readonly cron: string
  readonly timezone: string
  readonly schedule: Schedule
  settledUntil: number
}

/**
 * What a leader finds to do: runs that others left open or that somebody has asked for, and fires that were missed. Looked for after each
 * reading of the records.
 */
export class LeftOver {
  readonly #options: LeftOverOptions
  readonly #fires = new Map<string, Fire[]>()
  readonly #seen = new Map<string, Seen>()

  constructor(options: LeftOverOptions) {
    this.#options = options
  }

  /** The next of them, the earliest planned first; each is given once between two looks. */
  take(task: string): Fire | undefined {
    return this.#fires.get(task)?.shift()
  }

  forget(task: string): void {
    this.#fires.delete(task)
    this.#seen.delete(task)
  }

  /** Notes, before the first run of a term, since when the task has its schedule: its leader may die before the first look. Throws `registry_…`. */
  async know(task: TaskConfig, { term, fireTime, now }: { term: bigint; fireTime: Date; now: number }): Promise<void> {
    if (task.catchUp !== 'off') await this.#seenOf(task, { term, now, since: Math.min(now, fireTime.getTime() - 1) })
  }

  /** Throws `registry_…`. */
  async look(task: TaskConfig, { term, now, isUnderWay }: Look): Promise<void> {
    const isLeft = (record: RunRecord): boolean => isLeftTo(term, record) && !isUnderWay(record.fireTime)
    const open = this.#options.recordsOf(task.name).filter(isLeft)
    const goOn = open.map((found): Fire => ({ task, fireTime: new Date(found.fireTime), cause: found.cause, found }))
    const missed = task.catchUp === 'off' ? [] : await this.#missed(task, { term, now })
    this.#fires.set(
      task.name,
      [...goOn, ...missed].toSorted((left, right) => left.fireTime.getTime() - right.fireTime.getTime()),
    )
  }

  async #missed(task: TaskConfig, { term, now }: { readonly term: bigint; readonly now: number }): Promise<readonly Fire[]> {
    const seen = await this.#seenOf(task, { term, now, since: now })
    // Until then some of what was missed before this term is too young to be told, and one run is to make up for all of it.
    if (task.catchUp === 'once' && now - seen.at < missedAfterMs(task)) return []
    const { schedule, settledUntil } = seen
    const found = missedFires({ task, schedule, settledUntil, records: this.#options.recordsOf(task.name), now })
    seen.settledUntil = found.settledUntil
    return found.fireTimes.map((fireTime): Fire => {
      const { since } = found
      return { task, fireTime, cause: 'catchUp', ...(since ? { since } : {}) }
    })
  }

  /** What is settled is so for a term: before, another gateway led. */
  async #seenOf(task: TaskConfig, { term, now, since }: { term: bigint; now: number; since: number }): Promise<Seen> {
    const { name, cron, timezone } = task
    const known = this.#seen.get(name)
    if (known?.term === term && known.cron === cron && known.timezone === timezone) return known
    const settledUntil = await this.#options.marks.sinceOf(task, since)
    const seen: Seen = { term, at: now, cron, timezone, schedule: scheduleOf(cron, timezone), settledUntil }
    this.#seen.set(name, seen)
    return seen
  }
}
