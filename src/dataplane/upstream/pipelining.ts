/** Connections in a row that end with requests unanswered, and no answer behind another in between: then it is no accident. */
const MOST_CUTS = 3

/**
 * How an endpoint takes to requests that stand behind each other on a connection (RFC 9112 §9.3.2). One that cannot do it gets one at a
 * time, until its settings change.
 */
export class Pipelining {
  #wanted: number
  #cuts = 0
  #offBecause: string | null = null
  readonly #onOff: (reason: string) => void

  constructor(depth: number, onOff: (reason: string) => void) {
    this.#wanted = depth
    this.#onOff = onOff
  }

  /** Requests that may be under way on one connection. */
  get depth(): number {
    return this.#offBecause === null ? this.#wanted : 1
  }

  /** Why it gets one at a time, although more are allowed; null: it does not. */
  get offBecause(): string | null {
    return this.#offBecause
  }

  setDepth(depth: number): void {
    if (depth === this.#wanted) return
    this.#wanted = depth
    this.#offBecause = null
    this.#cuts = 0
  }

  onPipelined(): void {
    this.#cuts = 0
  }

  onCut(): void {
    if (++this.#cuts >= MOST_CUTS) this.onFault('it closes its connections before it has answered all requests on them')
  }

  onFault(reason: string): void {
    if (this.depth === 1) return
    this.#offBecause = reason
    this.#onOff(reason)
  }
}
