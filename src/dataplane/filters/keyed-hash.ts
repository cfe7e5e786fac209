import type { Random } from '../../clock.ts'

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

/**
 * HalfSipHash-2-4 with 64 bits of result (Aumasson and Bernstein, SipHash): keyed, so that clients who choose what is hashed cannot choose
 * what collides. The result is in `low` and `high` until the next call, which spares an object per request.
 */
export class KeyedHash {
  low = 0
  high = 0
  readonly #key0: number
  readonly #key1: number
  #v0 = 0
  #v1 = 0
  #v2 = 0
  #v3 = 0

  constructor(random: Random) {
    this.#key0 = (random() * 2 ** 32) | 0
    this.#key1 = (random() * 2 ** 32) | 0
  }

  hash(text: string): void {
    this.#v0 = this.#key0
    this.#v1 = this.#key1 ^ 0xee
    this.#v2 = this.#key0 ^ 0x6c796765
    this.#v3 = this.#key1 ^ 0x74656462
    // Two UTF-16 units are one word.
    const even = text.length & ~1
    for (let at = 0; at < even; at += 2) this.#absorb(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16))
    this.#absorb((text.length << 24) | (even < text.length ? text.charCodeAt(even) : 0))
    this.#v2 ^= 0xee
    this.#rounds(4)
    this.low = (this.#v1 ^ this.#v3) >>> 0
    this.#v1 ^= 0xdd
    this.#rounds(4)
    this.high = (this.#v1 ^ this.#v3) >>> 0
  }

  #absorb(word: number): void {
    this.#v3 ^= word
    this.#rounds(2)
    this.#v0 ^= word
  }

  #rounds(count: number): void {
    let [v0, v1, v2, v3] = [this.#v0, this.#v1, this.#v2, this.#v3]
    for (let round = 0; round < count; round++) {
      v0 = (v0 + v1) | 0
      v1 = rotate(v1, 5) ^ v0
      v0 = rotate(v0, 16)
      v2 = (v2 + v3) | 0
      v3 = rotate(v3, 8) ^ v2
      v0 = (v0 + v3) | 0
      v3 = rotate(v3, 7) ^ v0
      v2 = (v2 + v1) | 0
      v1 = rotate(v1, 13) ^ v2
      v2 = rotate(v2, 16)
    }
    this.#v0 = v0
    this.#v1 = v1
    this.#v2 = v2
    this.#v3 = v3
  }
}
