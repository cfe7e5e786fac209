import type { Socket } from 'node:net'
import { dueAtTurnEnd, type DueAtTurnEnd } from './turn-end.ts'

/** Shorter pieces are copied, so that what belongs together leaves in one write, bytes. */
const COPIED_BELOW_BYTES = 4_096
/** More than this is not gathered, characters. */
const MOST_GATHERED = 16_384

/** Gathers what goes out on a connection within one turn, and hands it to the socket in as few writes as can be. */
export class Outbox implements DueAtTurnEnd {
  /** Whether the piece written last is still on its way to the system. */
  isHolding = false
  /** How often it has written: what was added before the last write has left. */
  writes = 0
  readonly #socket: Socket
  /** One character per octet. */
  #text = ''
  #isFlushDue = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Whether the system has taken all that was handed to it. */
  get isTaken(): boolean {
    return this.#socket.writableLength === 0
  }

  /** What the peer has not taken yet, about: bytes. */
  get waitingBytes(): number {
    return this.#socket.writableLength + this.#text.length
  }

  /** Text that leaves before this turn of the event loop ends. */
  add(text: string): void {
    this.#text += text
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    dueAtTurnEnd(this)
  }

  /** A piece with what stands before and behind it. False: the peer reads slower than we write. A long piece must not be changed afterwards. */
  write(piece: Uint8Array, before: string, behind: string): boolean {
    this.isHolding = false
    const bytes = Buffer.isBuffer(piece) ? piece : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    if (bytes.length >= COPIED_BELOW_BYTES) this.#writeLong(bytes, this.#text + before, behind)
    else this.add(before + bytes.toString('latin1') + behind)
    if (this.#text.length > MOST_GATHERED) this.flush()
    return !this.#socket.writableNeedDrain
  }

  flush(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    this.writes++
    this.#socket.write(text, 'latin1')
  }

  #writeLong(piece: Buffer, before: string, behind: string): void {
    const socket = this.#socket
    this.#text = ''
    this.writes++
    if (before === '' && behind === '') socket.write(piece)
    else {
      socket.cork()
      if (before !== '') socket.write(before, 'latin1')
      socket.write(piece)
      if (behind !== '') socket.write(behind, 'latin1')
      socket.uncork()
    }
    // Most writes are over when they return: the system has taken all of it.
    this.isHolding = socket.writableLength > 0
  }

  onTurnEnd(): void {
    this.#isFlushDue = false
    this.flush()
  }
}
