import type { Clock, Random } from '../../clock.ts'
import { Refusal } from '../refusal.ts'
import type { Store } from '../store/store.ts'
import type { Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import type { ReadOptions } from './read-options.ts'

/** What a read found: its index, and how to write it out. */
export interface Found {
  readonly index: bigint
  answer(): Answer
}

export interface Query {
  /** What wakes a waiting reader: index names, `key:<key>`, `prefix:<prefix>`. */
  readonly topics: readonly string[]
  read(): Found
}

/** A read whose news are not told by an index that counts up. */
export interface NewsQuery {
  readonly topics: readonly string[]
  readonly isNews: () => boolean
  readonly answer: () => Answer
}

export interface BlockedQueriesOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
}

const maxBlocked = 20_000

/** The reads that wait for a change (Consul: blocking queries). Their number is bounded; a connection holds one, whose answer those behind it wait for. */
export class BlockedQueries {
  readonly #options: BlockedQueriesOptions
  readonly #settlers = new Set<() => void>()
  #closed = false

  constructor(options: BlockedQueriesOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#settlers.size
  }

  /** Answers at once when the read's index is above the wanted one, else on a change that makes it so, or after the wait. */
  answer(request: ApiRequest, { index, waitMs }: ReadOptions, query: Query): Answer | Promise<Answer> {
    const found = query.read()
    if (index === 0n || found.index > index || this.#closed) return found.answer()
    const isNews = (): boolean => query.read().index > index
    return this.#wait(request, waitMs, { topics: query.topics, isNews, answer: () => query.read().answer() })
  }

  /** Answers as soon as there is news, or after the wait. */
  until(request: ApiRequest, waitMs: number, query: NewsQuery): Answer | Promise<Answer> {
    return this.#closed || query.isNews() ? query.answer() : this.#wait(request, waitMs, query)
  }

  /** Answers everybody who waits with what is there now; later reads do not wait. */
  close(): void {
    this.#closed = true
    for (const settle of this.#settlers) settle()
  }

  #wait(request: ApiRequest, waitMs: number, { topics, isNews, answer }: NewsQuery): Promise<Answer> {
    const { store, clock, random } = this.#options
    if (this.#settlers.size >= maxBlocked) throw new Refusal(429, 'Too many blocking queries')
    const { epoch } = store.watches
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        stopListening()
        timer.cancel()
        stopGone()
        this.#settlers.delete(settle)
        try {
          resolve(answer())
        } catch (error) {
          reject(error)
        }
      }
      const stopListening = store.watches.listen(topics, () => {
        // After a restore old indexes mean nothing: everybody is told what there is now.
        if (store.watches.epoch !== epoch || isNews()) settle()
      })
      // Consul: up to a sixteenth is added, so that a herd of watchers does not come back at one moment.
      const timer = clock.after(waitMs + (random() * waitMs) / 16, settle)
      const stopGone = request.onGone(settle)
      this.#settlers.add(settle)
    })
  }
}
