import { pause, type Clock, type Random } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import { KEEP_RECORDS, tooOldProblem, type RunRecord, type RunRecords } from './run-record.ts'

/** How old a view of what other gateways ran may be. */
const READ_EVERY_MS = 5_000
const PRUNE_EVERY_MS = 60_000

export interface RunHistoryOptions {
  readonly records: RunRecords
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The leader deletes old records. */
  readonly isLeader: () => boolean
}

/**
 * The last runs of each task in the fleet. Read every few seconds instead of watched: a watch would bring all records of all tasks at each
 * fire. Closed by the caller.
 */
export class RunHistory {
  readonly #options: RunHistoryOptions
  readonly #closing = new AbortController()
  #runs: ReadonlyMap<string, readonly RunRecord[]> = new Map()
  #loadedFor: bigint | null = null
  #prunedSince: number
  #isFailing = false

  constructor(options: RunHistoryOptions) {
    this.#options = options
    this.#prunedSince = options.clock.monotonic()
  }

  start(): this {
    void this.#loop()
    return this
  }

  close(): void {
    this.#closing.abort()
  }

  /** The latest planned first. */
  of(task: string): readonly RunRecord[] {
    return this.#runs.get(task) ?? []
  }

  /** Puts a run in that this gateway knows to have ended. */
  add(record: RunRecord): void {
    const others = this.of(record.task).filter(({ fireTime }) => fireTime !== record.fireTime)
    const runs = [...others, record].toSorted((a, b) => (a.fireTime < b.fireTime ? 1 : -1))
    this.#runs = new Map([...this.#runs, [record.task, runs.slice(0, KEEP_RECORDS)]])
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
      try {
        const all = await this.#read()
        await this.#pruneIfDue(all)
        this.#isFailing = false
      } catch (error) {
        if (!this.#isFailing)
          logger.warn({ event: 'task.history_unread', error: messageOf(error) }, 'cannot read the runs of tasks now')
        this.#isFailing = true
      }
      await pause(clock, READ_EVERY_MS * (0.8 + 0.4 * random()), this.#closing.signal)
    }
  }

  async #read(): Promise<ReadonlyMap<string, readonly RunRecord[]>> {
    const all = await this.#options.records.list()
    this.#runs = new Map([...all].map(([task, records]) => [task, records.slice(0, KEEP_RECORDS)]))
    return all
  }

  async #pruneIfDue(all: ReadonlyMap<string, readonly RunRecord[]>): Promise<void> {
    const { clock, records, isLeader } = this.#options
    if (!isLeader() || clock.monotonic() - this.#prunedSince < PRUNE_EVERY_MS) return
    this.#prunedSince = clock.monotonic()
    for (const ofTask of all.values()) await records.prune(ofTask, clock.now())
  }
}
