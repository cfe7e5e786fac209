import type { CommandIo } from './command.ts'

/** To the start of the line, and clear it (ECMA-48 EL). */
const CLEAR = '\r\u001b[K'

/** Shows on a terminal's standard error how much of a file has been read; of what comes in one piece, or has no size, nothing. */
export class Progress {
  readonly #io: CommandIo
  readonly #size: number
  #read = 0
  #percent = 0

  /** `size`: bytes; 0: unknown. */
  constructor(io: CommandIo, size: number) {
    this.#io = io
    this.#size = size
  }

  add(bytes: number): void {
    this.#read += bytes
    if (!this.#io.isTerminal || this.#size === 0) return
    const percent = Math.min(100, Math.floor((this.#read / this.#size) * 100))
    if (percent === this.#percent || percent === 100) return
    this.#percent = percent
    this.#io.err(`${CLEAR}${percent} %`)
  }

  /** Leaves nothing behind. */
  end(): void {
    if (this.#percent > 0) this.#io.err(CLEAR)
  }
}
