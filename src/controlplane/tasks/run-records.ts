import { isDeepStrictEqual } from 'node:util'
import type { KvEntry, Registry } from '../../registry/registry.ts'
import { fireTimeName, latestFirst, readRecord, recordText, type RunRecord } from './run-record.ts'

/** So many records of each task are kept … */
export const KEEP_RECORDS = 20
/** … and all that were planned so short before the latest: a replica whose clock is behind must find them. */
const KEEP_FOR_MS = 600_000
const CLAIM_TRIES = 3

interface Known {
  readonly value: Buffer
  readonly record: RunRecord | null
}

/** Writes and reads the run records below `<prefix>/runs/`. All throw `registry_…`. */
export class RunRecords {
  readonly #registry: Registry
  readonly #root: string
  /** What was read last, by key: a record that has not changed is not read again. */
  #known: ReadonlyMap<string, Known> = new Map()

  constructor(registry: Registry, prefix: string) {
    this.#registry = registry
    this.#root = `${prefix}/runs/`
  }

  /** Writes the record if there is none for this fire, and tells whether it did: only then may the fire run. */
  async claim(record: RunRecord): Promise<boolean> {
    const [key, text] = [this.#key(record), recordText(record)]
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

  /** Puts the next step of a run in the place of the one before, and tells whether it stands there; false: another gateway has the run. */
  async replace(before: RunRecord, after: RunRecord): Promise<boolean> {
    const key = this.#key(before)
    const entry = await this.#registry.kv.get(key)
    const found = entry && this.#read(entry)
    if (!entry || !found) return false
    // An earlier try whose answer was lost.
    if (isDeepStrictEqual(found, after)) return true
    if (!isDeepStrictEqual(found, before)) return false
    return this.#registry.kv.put(key, recordText(after), { cas: entry.modifyIndex })
  }

  /** The record of one fire; null: there is none. */
  async find(task: string, fireTime: Date): Promise<RunRecord | null> {
    const entry = await this.#registry.kv.get(this.#key({ task, fireTime: fireTime.toISOString() }))
    return entry && this.#read(entry)
  }

  /** All records, of each task the latest planned first. */
  async list(): Promise<ReadonlyMap<string, readonly RunRecord[]>> {
    const found = await this.#registry.kv.list(this.#root)
    const known = this.#known
    this.#known = new Map(
      found.map((entry) => {
        const before = known.get(entry.key)
        if (before?.value.equals(entry.value)) return [entry.key, before]
        return [entry.key, { value: entry.value, record: this.#read(entry) }]
      }),
    )
    const byTask = Map.groupBy(
      [...this.#known.values()].flatMap(({ record }) => record ?? []),
      ({ task }) => task,
    )
    for (const records of byTask.values()) records.sort(latestFirst)
    return byTask
  }

  /** Deletes those of one task that are past keeping, and of no run that is still open; `records` as {@link list} gives them. */
  async prune(records: readonly RunRecord[]): Promise<void> {
    const bound = keptSince(records)
    const past = records.filter(({ fireTime, ok }) => ok !== null && bound !== null && Date.parse(fireTime) < bound)
    for (const record of past) await this.#registry.kv.delete(this.#key(record))
  }

  #read({ key, value }: KvEntry): RunRecord | null {
    return readRecord(key.slice(this.#root.length), value.toString('utf8'))
  }

  #key({ task, fireTime }: Pick<RunRecord, 'task' | 'fireTime'>): string {
    return `${this.#root}${task}/${fireTimeName(new Date(fireTime))}`
  }
}

/** From which planned time on (ms) all records of a task are kept, whatever the clocks say; null: all are. The latest comes first. */
export function keptSince(records: readonly RunRecord[]): number | null {
  const [latest, oldestOfMany] = [records[0], records[KEEP_RECORDS - 1]]
  if (!latest || !oldestOfMany) return null
  return Math.min(Date.parse(oldestOfMany.fireTime), Date.parse(latest.fireTime) - KEEP_FOR_MS)
}

/** Says why a fire may not be claimed although it has no record: its record may have been deleted long ago. */
export function tooOldProblem(fireTime: Date, records: readonly RunRecord[]): string | null {
  const bound = keptSince(records)
  if (bound === null || fireTime.getTime() >= bound) return null
  const oldest = new Date(bound).toISOString()
  return `planned for ${fireTime.toISOString()}, and records are kept since ${oldest} only: is the clock behind?`
}
