import { cr, lf, valueOctets } from './octets.ts'
import { violations, type Violation } from './violation.ts'

/** What bounds a head or a trailer. */
export interface CollectorLimits {
  /** With all its line ends, bytes. */
  readonly bytes: number
  /** What is said of a longer one. */
  readonly tooLong: Violation
  /** Looks at the first line, CR LF included, as soon as it is whole. */
  readonly firstLine: (text: string) => Violation | null
}

/** The least room that is made for a head, bytes. */
const LEAST_ROOM_BYTES = 512

/**
 * Collects a head that comes in pieces, with memory for no more than it may have. Each octet is looked at once, when it comes: what can no
 * longer become a head is refused without waiting for its end.
 */
export class HeadCollector {
  readonly #limits: CollectorLimits
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0
  /** Where the line under way begins. */
  #lineFrom = 0
  #hasSkippedLine = false
  violation: Violation | null = null

  constructor(limits: CollectorLimits) {
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  /**
   * Takes octets of `chunk` from `from` up to `to`. Gives the position behind the head's empty line; -1: all are taken and the head goes
   * on, or `violation` says what is wrong.
   */
  add(chunk: Buffer, from: number, to: number): number {
    this.#makeRoom(to - from)
    for (let at = from; at < to; at++) {
      const code = chunk[at] ?? 0
      this.violation = this.#violationOf(code)
      if (this.violation) return -1
      this.#bytes[this.#length++] = code
      if (code !== lf) continue
      if (this.#length === 2) {
        this.#skipLine()
        if (this.violation) return -1
        continue
      }
      if (this.#length - this.#lineFrom === 2) return at + 1
      if (this.#lineFrom === 0) this.violation = this.#limits.firstLine(this.#bytes.toString('latin1', 0, this.#length))
      if (this.violation) return -1
      this.#lineFrom = this.#length
    }
    return -1
  }

  /** The head without its empty line, one character per octet; the collector is empty after that. */
  take(): string {
    const text = this.#bytes.toString('latin1', 0, this.#length - 2)
    this.#bytes = Buffer.alloc(0)
    this.#length = 0
    this.#lineFrom = 0
    this.#hasSkippedLine = false
    return text
  }

  #violationOf(code: number): Violation | null {
    if (this.#length >= this.#limits.bytes) return this.#limits.tooLong
    const isAfterCr = this.#length > 0 && this.#bytes[this.#length - 1] === cr
    if (isAfterCr) return code === lf ? null : violations.bareCr
    if (code === lf) return violations.bareLf
    return valueOctets[code] === 1 || code === cr ? null : violations.control
  }

  /** RFC 9112 §2.2: one empty line before a message is passed over. */
  #skipLine(): void {
    if (this.#hasSkippedLine) this.violation = violations.emptyLine
    this.#hasSkippedLine = true
    this.#length = 0
  }

  #makeRoom(coming: number): void {
    const needed = Math.min(this.#length + coming, this.#limits.bytes)
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2, LEAST_ROOM_BYTES))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}
