import { z } from 'zod'
import type { TaskConfig } from '../../config/config.ts'
import type { Registry } from '../../registry/registry.ts'

const mark = z.object({ cron: z.string(), timezone: z.string(), since: z.number() })

/**
 * Since when each task has its present schedule, `<prefix>/schedules/<task>`: what it would have fired before was not missed. Written by
 * leaders. All throw `registry_…`.
 */
export class ScheduleMarks {
  readonly #registry: Registry
  readonly #root: string

  constructor(registry: Registry, prefix: string) {
    this.#registry = registry
    this.#root = `${prefix}/schedules/`
  }

  /** Since when, ms; of a schedule that nobody has seen since `since`. */
  async sinceOf({ name, cron, timezone }: TaskConfig, since: number): Promise<number> {
    const entry = await this.#registry.kv.get(this.#root + name)
    const known = entry && readMark(entry.value.toString('utf8'))
    if (known?.cron === cron && known.timezone === timezone) return known.since
    await this.#registry.kv.put(this.#root + name, JSON.stringify({ cron, timezone, since }), {
      cas: entry?.modifyIndex ?? 0n,
    })
    return since
  }

  /** The task is gone: should it come back, it begins anew. */
  async forget(task: string): Promise<void> {
    await this.#registry.kv.delete(this.#root + task)
  }
}

function readMark(text: string): z.infer<typeof mark> | null {
  try {
    return mark.parse(JSON.parse(text))
  } catch {
    // Somebody else wrote there: to begin anew makes up for less, and for nothing wrongly.
    return null
  }
}
