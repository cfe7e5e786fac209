import type { Timeouts } from './policy.ts'

/** How long an exchange waits for what; all times are monotonic ms. Each method tells when what is awaited from `now` on must be there. */
export class Patience {
  /** When the head of the answer must be there, over all attempts; Infinity: nothing has been sent yet. */
  #answerBy = Infinity
  #turnBy = Infinity
  /** When all must be over; Infinity: it need not. */
  readonly #totalBy: number
  readonly #timeouts: Timeouts

  constructor(timeouts: Timeouts, totalBy: number) {
    this.#timeouts = timeouts
    this.#totalBy = totalBy
  }

  /** After that nobody waits for another attempt. */
  get answerBy(): number {
    return Math.min(this.#answerBy, this.#totalBy)
  }

  /** Whether the time for the whole exchange is over. */
  isOver(now: number): boolean {
    return now >= this.#totalBy
  }

  /** A connection that is in use by others, over all attempts. */
  turn(now: number): number {
    if (this.#turnBy === Infinity) this.#turnBy = now + this.#timeouts.responseMs
    return Math.min(this.#turnBy, this.answerBy)
  }

  connection(now: number): number {
    return Math.min(now + this.#timeouts.connectMs, this.answerBy)
  }

  /** The next byte, in either direction. */
  byte(now: number): number {
    return Math.min(now + this.#timeouts.idleMs, this.#totalBy)
  }

  /** The head of the answer: the time runs from the first sending, over all attempts. */
  answer(now: number): number {
    const { responseMs, tryMs } = this.#timeouts
    if (this.#answerBy === Infinity) this.#answerBy = now + responseMs
    return tryMs > 0 ? Math.min(this.answerBy, now + tryMs) : this.answerBy
  }

  /** For how long an attempt that is sent now would be waited for, ms. */
  attemptMs(now: number): number {
    const { responseMs, tryMs } = this.#timeouts
    const untilMs = Math.min(this.answerBy - now, responseMs)
    return tryMs > 0 ? Math.min(untilMs, tryMs) : untilMs
  }
}
