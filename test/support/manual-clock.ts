import type { Clock, Timer } from '../../src/clock.ts'

interface Armed {
  readonly at: number
  readonly run: () => void
}

/** A clock that only moves when told to: `advance` fires what falls due, in order, and lets promises settle between timers. */
export class ManualClock implements Clock {
  #at = 0
  #armed: Armed[] = []
  readonly #startedAt: number

  constructor(startedAt = Date.UTC(2026, 0, 1)) {
    this.#startedAt = startedAt
  }

  now(): number {
    return this.#startedAt + this.#at
  }

  monotonic(): number {
    return this.#at
  }

  thisTurn(): number {
    return this.#at
  }

  after(delayMs: number, run: () => void): Timer {
    const armed = { at: this.#at + Math.max(delayMs, 0), run }
    this.#armed.push(armed)
    return { cancel: () => void (this.#armed = this.#armed.filter((other) => other !== armed)) }
  }

  /** How many timers are armed. */
  get pending(): number {
    return this.#armed.length
  }

  /** Moves without firing timers: for what only reads the time, very often. */
  advanceSync(byMs: number): void {
    this.#at += byMs
  }

  async advance(byMs: number): Promise<void> {
    const until = this.#at + byMs
    await settle()
    for (;;) {
      const due = this.#armed.filter((armed) => armed.at <= until).toSorted((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#armed = this.#armed.filter((other) => other !== due)
      this.#at = Math.max(this.#at, due.at)
      due.run()
      await settle()
    }
    this.#at = until
  }
}

/** Lets pending promise reactions and one turn of the event loop run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
