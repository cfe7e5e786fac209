/** Cuts a stream into DNS messages (RFC 1035 §4.2.2: two bytes of length before each). It holds at most one unfinished message. */
export class LengthPrefixed {
  readonly #mostBytes: number
  readonly #onMessage: (message: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(mostBytes: number, onMessage: (message: Buffer) => void) {
    this.#mostBytes = mostBytes
    this.#onMessage = onMessage
  }

  /** Hands over each message that is complete. False: a message is announced that is longer than it may be. */
  push(chunk: Buffer): boolean {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (rest.length >= 2) {
      const end = 2 + rest.readUInt16BE(0)
      if (end - 2 > this.#mostBytes) return false
      if (rest.length < end) break
      this.#onMessage(rest.subarray(2, end))
      rest = rest.subarray(end)
    }
    // A copy: a slice would keep the whole chunk.
    this.#rest = Buffer.from(rest)
    return true
  }

  static frame(message: Buffer): Buffer {
    const framed = Buffer.allocUnsafe(2 + message.length)
    framed.writeUInt16BE(message.length, 0)
    message.copy(framed, 2)
    return framed
  }
}
