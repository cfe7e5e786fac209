/** A line that is longer is passed on in parts, characters. */
const LONGEST_LINE = 1024 * 1024

/** Cuts what comes in pieces so that only whole lines are passed on: lines of several processes must not run into each other. */
export class WholeLines {
  #rest = ''

  /** The whole lines that a piece completes, each with its line break; '' if none. */
  push(piece: string): string {
    const end = piece.lastIndexOf('\n') + 1
    const lines = end === 0 ? '' : this.#rest + piece.slice(0, end)
    this.#rest = end === 0 ? this.#rest + piece : piece.slice(end)
    return this.#rest.length > LONGEST_LINE ? lines + this.end() : lines
  }

  /** What is left of a line that never ended, ended; '' if nothing. */
  end(): string {
    const rest = this.#rest
    this.#rest = ''
    return rest === '' ? '' : `${rest}\n`
  }
}
