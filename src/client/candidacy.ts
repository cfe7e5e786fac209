import { startElection, type Election, type ElectionOptions, type Leadership } from '../registry/election.ts'
import type { LeaderView } from '../registry/leader-record.ts'
import { Latest } from './latest.ts'

/**
 * A process that runs for a lead until it is closed: `for await (const term of candidacy)` gives each term that it wins. `term.lost` aborts
 * when the term ends, `term.term` is greater in each later one. A term that is over before it is fetched is not given.
 */
export class Candidacy implements AsyncIterable<Leadership>, AsyncDisposable {
  readonly #election: Election
  readonly #terms: Latest<Leadership>[] = []
  readonly #giveBack: () => void
  #isClosed = false

  constructor(options: Omit<ElectionOptions, 'onChange'>, giveBack: () => void) {
    this.#giveBack = giveBack
    this.#election = startElection({ ...options, onChange: (term) => this.#tell(term) })
  }

  /** Our own term, if it surely lasts now; null: we do not lead. */
  get current(): Leadership | null {
    return this.#election.current
  }

  /** Who leads, as far as the registry has told; null: nobody. */
  get leader(): LeaderView | null {
    return this.#election.leader
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Leadership> {
    if (this.#isClosed) return
    const terms: Latest<Leadership> = new Latest(() => void this.#terms.splice(this.#terms.indexOf(terms), 1))
    this.#terms.push(terms)
    if (this.current) terms.set(this.current)
    for await (const term of terms) if (!term.lost.aborted) yield term
  }

  /** Gives the lead back; the iterators end. Never throws. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const terms of this.#terms.slice()) terms.end()
    await this.#election.close()
    this.#giveBack()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #tell(term: Leadership | null): void {
    if (term) for (const terms of this.#terms) terms.set(term)
  }
}
