import type { Clock, Timer } from '../../clock.ts'

export interface RepeatOptions {
  readonly clock: Clock
  readonly everyMs: number
  /** Tells whether it is to be done again; must not throw. */
  readonly work: () => Promise<boolean>
}

/** Does some work again and again for as long as there is some, never twice at once. Closed by the caller. */
export class Repeat {
  readonly #options: RepeatOptions
  #timer: Timer | null = null
  #isBusy = false
  #isWoken = false
  #isClosed = false

  constructor(options: RepeatOptions) {
    this.#options = options
  }

  /** There may be something to do now. */
  wake(): void {
    this.#timer?.cancel()
    this.#isWoken = true
    if (!this.#isBusy && !this.#isClosed) void this.#run()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #run(): Promise<void> {
    const { clock, everyMs, work } = this.#options
    this.#isBusy = true
    let goesOn = false
    while (this.#isWoken && !this.#isClosed) {
      this.#isWoken = false
      goesOn = await work()
    }
    this.#isBusy = false
    if (goesOn && !this.#isClosed) this.#timer = clock.after(everyMs, () => this.wake())
  }
}
