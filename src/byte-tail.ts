/** Keeps the last bytes of a stream, however long that is. */
export class ByteTail {
  readonly #maxBytes: number
  #kept = Buffer.alloc(0)
  #totalBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** How many bytes came in all. */
  get totalBytes(): number {
    return this.#totalBytes
  }

  get keptBytes(): number {
    return this.#kept.length
  }

  push(chunk: Buffer): void {
    this.#totalBytes += chunk.length
    const joined = Buffer.concat([this.#kept, chunk])
    this.#kept = Buffer.from(joined.subarray(Math.max(0, joined.length - this.#maxBytes)))
  }

  toString(): string {
    return this.#kept.toString()
  }
}
