import type { Clock } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import { Refusal } from '../refusal.ts'
import type { Journal } from './journal.ts'
import { ReturningWriters } from './returning-writers.ts'
import { State, Transaction } from './state.ts'
import type { Change } from './table.ts'
import { Watches } from './watches.ts'

export interface StoreOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** null: memory only. */
  readonly journal: Journal | null
}

interface Pending {
  run(): (() => void) | null
  readonly fail: (error: unknown) => void
  transaction: Transaction | null
}

/**
 * The state and its one writer. Writes that arrive together are applied in order, committed in one transaction and then answered: so no
 * reader sees what is not on disk, and an fsync serves many writers (group commit).
 */
export class Store {
  readonly state: State
  readonly watches = new Watches()
  readonly #options: StoreOptions
  readonly #followers: ((changes: readonly Change[]) => void)[] = []
  readonly #returning = new ReturningWriters()
  #pending: Pending[] = []
  #closed = false

  constructor(options: StoreOptions) {
    this.#options = options
    this.state = new State(options.clock)
    options.journal?.load(this.state.tables)
    this.state.lockDelays.resume()
  }

  /** Applies a command; resolves with its result once that is on disk. Rejects with what the command threw, having changed nothing. */
  write<Result>(command: (transaction: Transaction) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Refusal(500, 'the registry is closing'))
      const pending: Pending = {
        transaction: null,
        fail: reject,
        run: () => {
          const transaction = new Transaction(this.state, this.#options.clock.now())
          try {
            const result = command(transaction)
            pending.transaction = transaction
            return () => resolve(result)
          } catch (error) {
            transaction.undo()
            reject(error)
            return null
          }
        },
      }
      this.#returning.came()
      if (this.#pending.push(pending) === 1) setImmediate(this.#flushGathered)
    })
  }

  /** Is told of every commit, before its writers are answered. */
  follow(follower: (changes: readonly Change[]) => void): void {
    this.#followers.push(follower)
  }

  readonly #flushGathered = (): void => {
    if (this.#returning.areExpected(this.#options.clock.monotonic())) setImmediate(this.#flushGathered)
    else this.flush()
  }

  /** Applies and commits what is pending. */
  flush(): void {
    const batch = this.#pending
    this.#pending = []
    const answers = batch.map((pending) => pending.run())
    const changes = batch.flatMap((pending) => pending.transaction?.changes ?? [])
    if (!this.#commit(batch, changes)) return
    for (const answer of answers) answer?.()
    if (changes.length === 0) return
    for (const follower of this.#followers) follower(changes)
    this.watches.wake(new Set(batch.flatMap((pending) => [...(pending.transaction?.topics ?? [])])))
  }

  /** Commits what is pending and closes the journal. Later writes are refused. */
  close(): void {
    this.flush()
    this.#closed = true
    this.#options.journal?.close()
  }

  #commit(batch: readonly Pending[], changes: readonly Change[]): boolean {
    const { clock, journal } = this.#options
    if (changes.length === 0 || !journal) return true
    try {
      const since = clock.monotonic()
      journal.commit(changes)
      const now = clock.monotonic()
      this.#returning.answered(batch.length, now, now - since)
      return true
    } catch (error) {
      this.#options.logger.error(
        { event: 'registry.commit_failed', writes: batch.length, error: messageOf(error) },
        'writes could not be stored',
      )
      for (const pending of batch.toReversed()) pending.transaction?.undo()
      for (const { fail } of batch) fail(new Refusal(500, `the write could not be stored: ${messageOf(error)}`))
      return false
    }
  }
}
