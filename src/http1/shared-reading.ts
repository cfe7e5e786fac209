import { Socket, type SocketConstructorOpts } from 'node:net'
import { Readable } from 'node:stream'

/** Takes octets at the beginning of a memory that whatever is read next overwrites, on any connection. */
export type OctetTaker = (memory: Buffer, length: number) => void

/** One for all connections of a thread: what came on one has been looked at before another is read. 64 KiB is what Node reads at most. */
const memory = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * Reads an accepted connection without memory of its own for each piece, and without a stream. Node has that for connections that one opens
 * (`onread`), and for accepted ones only by way of a socket's handle, which is not documented. Where that cannot be had, as of a socket that
 * is not plain TCP, the stream is read; that costs a tenth more per request and is otherwise the same.
 */
export class SharedReading {
  /** To be used instead of the accepted one. */
  readonly socket: Socket
  #take: OctetTaker | null

  constructor(accepted: Socket, take: OctetTaker) {
    this.#take = take
    this.socket = adopt(accepted, this.#onRead) ?? accepted.on('data', this.#onData)
  }

  /** From now on what comes goes into the socket's stream, which is paused, for whoever gets it. */
  release(): void {
    this.#take = null
    this.socket.off('data', this.#onData)
    // The stream and not the socket, which would no longer see that its client leaves.
    Readable.prototype.pause.call(this.socket)
  }

  readonly #onRead = (length: number): boolean => {
    if (!this.#take) return this.socket.push(Buffer.from(memory.subarray(0, length)))
    this.#take(memory, length)
    return true
  }

  readonly #onData = (chunk: Buffer): void => this.#take?.(chunk, chunk.length)
}

function adopt(accepted: Socket, callback: (length: number) => boolean): Socket | null {
  const holder = accepted as { _handle?: object | null }
  if (!holder._handle || Object.getPrototypeOf(accepted) !== Socket.prototype) return null
  const options = { handle: holder._handle, allowHalfOpen: accepted.allowHalfOpen, onread: { buffer: memory, callback } }
  holder._handle = null
  // Its server counts the accepted one.
  return new Socket(options as unknown as SocketConstructorOpts).once('close', () => accepted.destroy())
}
