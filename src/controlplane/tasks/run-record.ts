import { z } from 'zod'
import type { KvEntry, Registry } from '../../registry/registry.ts'

/** So many records of each task are kept … */
export const KEEP_RECORDS = 20
/** … and all that are younger, by their planned time: a replica whose clock is behind must find them. */
const KEEP_FOR_MS = 600_000
const CLAIM_TRIES = 3

const schema = z.object({
  by: z.string(),
  pid: z.number(),
  term: z.string(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  ok: z.boolean().nullable(),
  detail: z.string(),
})

/** One run of one task: written before it starts, so that no fire runs twice, and again when it has ended. */
export interface RunRecord extends z.infer<typeof schema> {
  readonly task: string
  /** The planned time, ISO 8601 in UTC. */
  readonly fireTime: string
}

/** Writes and reads the run records below `<prefix>/runs/`. */
export class RunRecords {
  readonly #registry: Registry
  readonly #root: string

  constructor(registry: Registry, prefix: string) {
    this.#registry = registry
    this.#root = `${prefix}/runs/`
  }

  /**
   * Writes the record if there is none for this fire, and tells whether it did: only then may the fire run. Throws (`registry_…`) when the
   * registry cannot tell.
   */
  async claim(record: RunRecord): Promise<boolean> {
    const [key, text] = [this.#key(record), textOf(record)]
    for (let tries = 1; ; tries++) {
      try {
        return await this.#registry.kv.put(key, text, { cas: 0n })
      } catch (error) {
        if (tries === CLAIM_TRIES) throw error
        // The answer was lost, not necessarily the write: what stands there now decides.
        const entry = await this.#registry.kv.get(key)
        if (entry) return entry.value.toString('utf8') === text
      }
    }
  }

  /** Writes how the run ended. */
  async finish(record: RunRecord): Promise<void> {
    await this.#registry.kv.put(this.#key(record), textOf(record))
  }

  /** All records, of each task the latest planned first. */
  async list(): Promise<ReadonlyMap<string, readonly RunRecord[]>> {
    const found = await this.#registry.kv.list(this.#root)
    const byTask = new Map<string, RunRecord[]>()
    for (const record of found.flatMap((entry) => readRecord(this.#root, entry))) {
      const records = byTask.get(record.task)
      if (records) records.push(record)
      else byTask.set(record.task, [record])
    }
    for (const records of byTask.values()) records.sort((a, b) => (a.fireTime < b.fireTime ? 1 : -1))
    return byTask
  }

  /** Deletes those of one task that are past keeping; `records` as {@link list} gives them. */
  async prune(records: readonly RunRecord[], now: number): Promise<void> {
    const past = records.slice(KEEP_RECORDS).filter(({ fireTime }) => now - Date.parse(fireTime) > KEEP_FOR_MS)
    for (const record of past) await this.#registry.kv.delete(this.#key(record))
  }

  #key({ task, fireTime }: RunRecord): string {
    return `${this.#root}${task}/${fireTimeName(new Date(fireTime))}`
  }
}

/** A planned time as part of a key: `20261123T163000Z`. */
export function fireTimeName(fireTime: Date): string {
  return fireTime
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '')
}

/** Says why a fire may not be claimed although it has no record: its record may have been deleted long ago. */
export function tooOldProblem(fireTime: Date, records: readonly RunRecord[]): string | null {
  const oldestKept = records[KEEP_RECORDS - 1]
  if (!oldestKept || fireTime.getTime() >= Date.parse(oldestKept.fireTime)) return null
  return `planned for ${fireTime.toISOString()}, before the oldest run that is still recorded (${oldestKept.fireTime}): is the clock behind?`
}

function textOf({ by, pid, term, startedAt, endedAt, ok, detail }: RunRecord): string {
  return JSON.stringify({ by, pid, term, startedAt, endedAt, ok, detail })
}

function readRecord(root: string, { key, value }: KvEntry): readonly RunRecord[] {
  const found = /^(.+)\/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(key.slice(root.length))
  if (!found) return []
  const [, task = '', year, month, day, hour, minute, second] = found
  const fireTime = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  try {
    return [{ ...schema.parse(JSON.parse(value.toString('utf8'))), task, fireTime }]
  } catch {
    // Not written by a gateway. It still counts: the fire must not run again.
    return [
      { task, fireTime, by: '?', pid: 0, term: '?', startedAt: fireTime, endedAt: null, ok: null, detail: 'unreadable record' },
    ]
  }
}
