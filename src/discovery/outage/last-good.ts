import { z } from 'zod'
import type { Clock, Timer } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Instance, KvEntry } from '../../registry/registry.ts'
import { confirmStateFile, readStateFile, writeStateFile } from './state-file.ts'

/** From a change to its being on disk at the most, ms; also the least time between two writes. */
const SAVE_AFTER_MS = 1_000

/** What is remembered of the registry, by the watch that told it. */
export type RecordKind = 'instances' | 'services' | 'prefix'

const record = z.object({ kind: z.enum(['instances', 'services', 'prefix']), name: z.string(), value: z.unknown() })

const services = z.array(z.string())
const text = z.record(z.string(), z.string())
const instances = z.array(
  z.object({
    id: z.string(),
    service: z.string(),
    node: z.string(),
    nodeMeta: text,
    address: z.object({ host: z.string(), port: z.int() }),
    tags: z.array(z.string()),
    meta: text,
    weight: z.number().min(0),
    status: z.enum(['passing', 'warning', 'critical', 'maintenance']),
  }),
)
const entries = z.array(z.object({ key: z.string(), value: z.base64(), modifyIndex: z.string().regex(/^\d+$/) }))

/** How values of each kind are written and read; KV values as they stand in KV, before `${env:…}` is filled in. */
export const recordCodecs = {
  instances: { encode: (value: readonly Instance[]): unknown => value, decode: (raw: unknown) => instances.parse(raw) },
  services: { encode: (value: readonly string[]): unknown => value, decode: (raw: unknown) => services.parse(raw) },
  prefix: { encode: encodeEntries, decode: decodeEntries },
} as const

export interface LastGoodOptions {
  readonly file: string
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * What the registry said last, in memory and on disk, so that a gateway that starts while the registry is away knows it. A damaged file is
 * ignored, a disk that cannot be written is told once: neither keeps anybody from serving. Closed by the owner, before the watches end.
 */
export class LastGood {
  readonly #options: LastGoodOptions
  readonly #lines = new Map<string, string>()
  readonly #watched = new Map<string, number>()
  /** Records that serve from disk, since the registry has not told them yet. */
  readonly #recalled = new Set<string>()
  readonly confirmedAt: number | null
  #timer: Timer | null = null
  #writing: Promise<void> = Promise.resolve()
  #isDirty = false
  #complained = false
  #isClosed = false

  private constructor(options: LastGoodOptions, lines: ReadonlyMap<string, string>, confirmedAt: number | null) {
    this.#options = options
    for (const [key, line] of lines) this.#lines.set(key, line)
    this.confirmedAt = confirmedAt
  }

  static async open(options: LastGoodOptions): Promise<LastGood> {
    const { file, logger } = options
    const found = await readStateFile(file)
    if (found === null) return new LastGood(options, new Map(), null)
    const lines = 'damage' in found ? null : linesByKey(found.lines)
    if (!('damage' in found) && lines) return new LastGood(options, lines, found.confirmedAt)
    const damage = 'damage' in found ? found.damage : 'a record in it makes no sense'
    logger.warn({ event: 'state.ignored', file, damage }, `${file} is ignored: ${damage}`)
    return new LastGood(options, new Map(), null)
  }

  /** How many watches serve what is on disk, since the registry has not answered them yet. */
  get recalled(): number {
    return this.#recalled.size
  }

  /** While a watch goes on, its record is kept. Ended by the caller. */
  watch(kind: RecordKind, name: string): () => void {
    const key = keyOf(kind, name)
    this.#watched.set(key, (this.#watched.get(key) ?? 0) + 1)
    return () => this.#unwatch(key)
  }

  /** What was known of a watch when the process started, or null; from now on it counts as serving from disk. */
  recall(kind: RecordKind, name: string): unknown {
    const key = keyOf(kind, name)
    const line = this.#lines.get(key)
    if (line === undefined) return null
    this.#recalled.add(key)
    return record.parse(JSON.parse(line)).value
  }

  /** Takes what the registry says now. */
  note(kind: RecordKind, name: string, value: unknown): void {
    const key = keyOf(kind, name)
    this.#recalled.delete(key)
    const line = JSON.stringify({ kind, name, value })
    if (this.#lines.get(key) === line) return
    this.#lines.set(key, line)
    this.#saveSoon()
  }

  /** Forgets the instances of services that the registry does not list, unless they are watched. */
  keepServices(names: readonly string[]): void {
    const kept = new Set(names.map((name) => keyOf('instances', name)))
    for (const key of this.#lines.keys()) {
      if (key.startsWith('instances ') && !kept.has(key) && !this.#watched.has(key)) this.#lines.delete(key)
    }
  }

  /** The registry answers: what is on disk is true as of now. */
  confirm(): void {
    if (this.#isClosed || this.#isDirty || this.#recalled.size > 0) return
    // A file that is gone is written with the next change.
    this.#writing = this.#writing.then(() => confirmStateFile(this.#options.file, this.#options.clock.now())).catch(() => {})
  }

  /** Writes what is not written yet and takes nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    if (this.#isDirty) this.#save()
    await this.#writing
  }

  #unwatch(key: string): void {
    const left = (this.#watched.get(key) ?? 1) - 1
    if (left > 0) return void this.#watched.set(key, left)
    this.#watched.delete(key)
    this.#recalled.delete(key)
    // Whoever ends a watch of KV while the gateway runs has no further use for what it told: a former revision.
    if (!this.#isClosed && key.startsWith('prefix ') && this.#lines.delete(key)) this.#saveSoon()
  }

  #saveSoon(): void {
    if (this.#isClosed) return
    this.#isDirty = true
    this.#timer ??= this.#options.clock.after(SAVE_AFTER_MS, () => {
      this.#timer = null
      this.#save()
    })
  }

  #save(): void {
    this.#isDirty = false
    const lines = [...this.#lines.values()]
    this.#writing = this.#writing.then(() => this.#write(lines))
  }

  async #write(lines: readonly string[]): Promise<void> {
    const { file, logger } = this.#options
    try {
      await writeStateFile(file, lines)
      this.#complained = false
    } catch (error) {
      this.#saveSoon()
      if (this.#complained) return
      this.#complained = true
      const message = `${file} cannot be written, a restart while the registry is away would not know its instances`
      logger.warn({ event: 'state.unwritable', file, error: messageOf(error) }, message)
    }
  }
}

function keyOf(kind: RecordKind, name: string): string {
  return `${kind} ${name}`
}

/** Null: one of them makes no sense. */
function linesByKey(lines: readonly string[]): ReadonlyMap<string, string> | null {
  try {
    return new Map(
      lines.map((line) => {
        const { kind, name, value } = record.parse(JSON.parse(line))
        recordCodecs[kind].decode(value)
        return [keyOf(kind, name), line]
      }),
    )
  } catch {
    return null
  }
}

function encodeEntries(value: readonly KvEntry[]): unknown {
  return value.map((entry) => ({
    key: entry.key,
    value: entry.value.toString('base64'),
    modifyIndex: String(entry.modifyIndex),
  }))
}

function decodeEntries(raw: unknown): readonly KvEntry[] {
  return entries.parse(raw).map(({ key, value, modifyIndex }) => ({
    key,
    value: Buffer.from(value, 'base64'),
    flags: 0n,
    session: null,
    lockIndex: 0n,
    createIndex: 0n,
    modifyIndex: BigInt(modifyIndex),
  }))
}
