import type { Socket } from 'node:net'

/** With more than this, the client is not read from, bytes. */
const MOST_BYTES = 64 * 1024

/** What a client has sent ahead of the answer that it waits for: held until its turn comes, up to 64 KiB and one reading. */
export class Backlog {
  readonly #socket: Socket
  #octets: Buffer | null = null

  constructor(socket: Socket) {
    this.#socket = socket
  }

  get isEmpty(): boolean {
    return this.#octets === null
  }

  /** The piece may lie in shared memory: it is copied. */
  keep(piece: Buffer): void {
    this.#octets = this.#octets ? Buffer.concat([this.#octets, piece]) : Buffer.from(piece)
    if (this.#octets.length > MOST_BYTES) this.#socket.pause()
  }

  /** Gives all of it, and the client is read from again; null: there is nothing. */
  take(): Buffer | null {
    const octets = this.#octets
    if (octets === null) return null
    this.#octets = null
    this.#socket.resume()
    return octets
  }
}
