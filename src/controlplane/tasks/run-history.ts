import { pause, type Clock, type Random } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Registry, Watch } from '../../registry/registry.ts'
import { latestFirst, type RunRecord } from './run-record.ts'
import { tooOldProblem, type RunRecords } from './run-records.ts'

/** How old a view of what other gateways ran may be. */
const READ_EVERY_MS = 5_000
const PRUNE_EVERY_MS = 60_000

export interface RunHistoryOptions {
  readonly records: RunRecords
  readonly registry: Pick<Registry, 'kv' | 'watchPrefix'>
  /** Of our keys in KV. */
  readonly prefix: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The leader deletes old records. */
  readonly isLeader: () => boolean
  /** Called after each reading; may throw `registry_…`. */
  readonly onRead: () => Promise<void>
}

/**
 * The last runs of each task in the fleet. Read every few seconds instead of watched: a watch would bring all records of all tasks at each
 * fire. Who writes something that the leader must see soon rings: `<prefix>/runs-bell` is watched. Closed by the caller.
 */
export class RunHistory {
  readonly #options: RunHistoryOptions
  readonly #closing = new AbortController()
  #runs: ReadonlyMap<string, readonly RunRecord[]> = new Map()
  #loadedFor: bigint | null = null
  #prunedSince: number
  readonly #unrecorded = new Map<string, RunRecord>()
  #isFailing = false
  #bell: Watch | null = null
  #wake = new AbortController()

  constructor(options: RunHistoryOptions) {
    this.#options = options
    this.#prunedSince = options.clock.monotonic()
  }

  start(): this {
    this.#bell = this.#options.registry.watchPrefix(this.#bellKey, {
      onValue: () => this.#wake.abort(),
      // Without it the next reading is that of the loop.
      onError: () => {},
    })
    void this.#loop()
    return this
  }

  close(): void {
    this.#closing.abort()
    this.#bell?.close()
    this.#wake.abort()
  }

  /** Has every gateway read the records now. Throws `registry_…`. */
  async ring(): Promise<void> {
    await this.#options.registry.kv.put(this.#bellKey, new Date(this.#options.clock.now()).toISOString())
  }

  /** With what this gateway knows beside the records, the latest planned first. */
  shown(task: string): readonly RunRecord[] {
    const [records, unrecorded] = [this.of(task), this.#unrecorded.get(task)]
    if (!unrecorded || records.some(({ fireTime }) => fireTime === unrecorded.fireTime)) return records
    return [...records, unrecorded].toSorted(latestFirst)
  }

  /** The records, the latest planned first. */
  of(task: string): readonly RunRecord[] {
    return this.#runs.get(task) ?? []
  }

  /** Keeps the last run of each task that came to nothing because its record could not be written. */
  addUnrecorded(record: RunRecord): void {
    this.#unrecorded.set(record.task, record)
  }

  forget(task: string): void {
    this.#unrecorded.delete(task)
  }

  all(): readonly RunRecord[] {
    return [...this.#runs.values()].flat()
  }

  /** Puts a run in that this gateway knows to have ended. */
  add(record: RunRecord): void {
    const others = this.of(record.task).filter(({ fireTime }) => fireTime !== record.fireTime)
    this.#runs = new Map([...this.#runs, [record.task, [...others, record].toSorted(latestFirst)]])
  }

  /** Reads what earlier leaders left, once a term: from then on only we delete records. Throws `registry_…`. */
  async loadFor(term: bigint): Promise<void> {
    if (this.#loadedFor === term) return
    await this.#read()
    this.#loadedFor = term
  }

  /** Why this fire may have run already although it has no record; null: it cannot have. */
  tooOldProblem(task: string, fireTime: Date): string | null {
    return tooOldProblem(fireTime, this.of(task))
  }

  async #loop(): Promise<void> {
    const { clock, random, logger } = this.#options
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      try {
        await this.#read()
        await this.#options.onRead()
        await this.#pruneIfDue()
        this.#isFailing = false
      } catch (error) {
        if (!this.#isFailing)
          logger.warn({ event: 'task.history_unread', error: messageOf(error) }, 'cannot read the runs of tasks now')
        this.#isFailing = true
      }
      if (!this.#closing.signal.aborted) await pause(clock, READ_EVERY_MS * (0.8 + 0.4 * random()), this.#wake.signal)
    }
  }

  get #bellKey(): string {
    return `${this.#options.prefix}/runs-bell`
  }

  async #read(): Promise<void> {
    this.#runs = await this.#options.records.list()
  }

  async #pruneIfDue(): Promise<void> {
    const { clock, records, isLeader } = this.#options
    if (!isLeader() || clock.monotonic() - this.#prunedSince < PRUNE_EVERY_MS) return
    this.#prunedSince = clock.monotonic()
    for (const ofTask of this.#runs.values()) await records.prune(ofTask)
  }
}
