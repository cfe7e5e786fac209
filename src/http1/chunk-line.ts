import { cr, equals, lf, quote, backslash, quotedOctets, semicolon, tokenOctets, valueOctets } from './octets.ts'
import { violations, type Violation } from './violation.ts'

/** All extensions of a body's chunks together, bytes: nobody uses them but to keep a parser busy. */
const MOST_EXTENSION_BYTES = 4_096
/** Leading zeros included. */
const MOST_DIGITS = 16

// Where the line stands.
const [inSize, beforeName, inName, beforeValue, inValue, inQuoted, afterBackslash, afterQuoted, afterCr, isWhole] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const

/**
 * The line before a chunk: its size and its extensions (RFC 9112 §7.1, §7.1.1), octet by octet. White space that the grammar only
 * suffers (BWS) is refused: of two readers one may take it for a part of the size.
 */
export class ChunkLine {
  #state: number = inSize
  #digits = 0
  #size = 0
  #extensionBytes = 0

  get isWhole(): boolean {
    return this.#state === isWhole
  }

  /** The size of the chunk; the next octet begins another line. */
  takeSize(): number {
    const size = this.#size
    this.#state = inSize
    this.#digits = 0
    this.#size = 0
    return size
  }

  read(code: number): Violation | null {
    if (this.#state === inSize) return this.#readSize(code)
    if (this.#state === afterCr) return this.#readLf(code)
    if (++this.#extensionBytes > MOST_EXTENSION_BYTES) return violations.chunkExtensionsTooLong
    return this.#readExtension(code) ? null : violations.chunkExtension
  }

  #readSize(code: number): Violation | null {
    const digit = hexDigit(code)
    if (digit >= 0) return this.#addDigit(digit)
    if (this.#digits === 0) return violations.chunkSize
    if (code !== cr && code !== semicolon) return code === lf ? violations.chunkLineEnd : violations.chunkSize
    this.#state = code === cr ? afterCr : beforeName
    return null
  }

  #addDigit(digit: number): Violation | null {
    this.#size = this.#size * 16 + digit
    return ++this.#digits > MOST_DIGITS || this.#size > Number.MAX_SAFE_INTEGER ? violations.chunkSizeTooLarge : null
  }

  #readLf(code: number): Violation | null {
    if (code !== lf) return violations.chunkLineEnd
    this.#state = isWhole
    return null
  }

  #readExtension(code: number): boolean {
    switch (this.#state) {
      case beforeName:
        return this.#go(tokenOctets[code] === 1, inName)
      case inName:
        return tokenOctets[code] === 1 || this.#go(code === equals, beforeValue) || this.#endExtension(code)
      case beforeValue:
        return this.#go(code === quote, inQuoted) || this.#go(tokenOctets[code] === 1, inValue)
      case inValue:
        return tokenOctets[code] === 1 || this.#endExtension(code)
      case inQuoted:
        return quotedOctets[code] === 1 || this.#go(code === backslash, afterBackslash) || this.#go(code === quote, afterQuoted)
      case afterBackslash:
        return this.#go(valueOctets[code] === 1, inQuoted)
      default:
        return this.#endExtension(code)
    }
  }

  #endExtension(code: number): boolean {
    return this.#go(code === semicolon, beforeName) || this.#go(code === cr, afterCr)
  }

  #go(isRight: boolean, state: number): boolean {
    if (isRight) this.#state = state
    return isRight
  }
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
