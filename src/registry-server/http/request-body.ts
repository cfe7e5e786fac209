import { Refusal } from '../refusal.ts'

/** The most that a body may hold, and the setting of Consul that it is known by. */
export interface BodyLimit {
  readonly maxBytes: number
  readonly setting: string
}

/** KV values, and any other body, may not be larger. */
export const maxBodyBytes = 512 * 1024
export const plainLimit: BodyLimit = { maxBytes: maxBodyBytes, setting: 'kv_max_value_size' }

// A body that nobody wants is read on up to here, so that a client that sends all before it reads sees the answer and not a reset.
const mostDroppedBytes = 64 * 1024 * 1024

interface Reader {
  readonly limit: BodyLimit
  resolve(body: Buffer): void
  reject(problem: Refusal): void
}

/** The body of a request while it comes in. */
export class RequestBody {
  isComplete = false
  readonly #lengthBytes: number
  readonly #onWanted: () => void
  #pieces: Buffer[] = []
  #bytes = 0
  #isDropped = false
  #droppedBytes = 0
  #problem: Refusal | null = null
  #reader: Reader | null = null

  /** `lengthBytes`: as it was told, or -1; `onWanted`: somebody waits for the rest. */
  constructor(lengthBytes: number, onWanted: () => void) {
    this.#lengthBytes = lengthBytes
    this.#onWanted = onWanted
  }

  /** Whether so much of what nobody wants has come that the rest is not worth reading. */
  get isTooLongToDrop(): boolean {
    return this.#droppedBytes > mostDroppedBytes
  }

  /** Reads all of it, once. Refuses (413) one above its limit as soon as that is known, whether its length was told or not. */
  read(limit: BodyLimit): Buffer | Promise<Buffer> {
    const bytes = Math.max(this.#lengthBytes, this.#bytes)
    if (bytes > limit.maxBytes) {
      this.drop()
      throw tooLarge(bytes, limit)
    }
    if (this.isComplete) return joined(this.#pieces)
    if (this.#problem) throw this.#problem
    this.#onWanted()
    return new Promise((resolve, reject) => {
      this.#reader = { limit, resolve, reject }
    })
  }

  /** Takes a piece, in memory that will be written over. */
  add(piece: Buffer): void {
    if (this.#isDropped) {
      this.#droppedBytes += piece.length
      return
    }
    this.#bytes += piece.length
    if (this.#reader && this.#bytes > this.#reader.limit.maxBytes) {
      this.#reader.reject(tooLarge(this.#bytes, this.#reader.limit))
      return this.drop()
    }
    this.#pieces.push(copyOf(piece))
  }

  finish(): void {
    this.isComplete = true
    this.#reader?.resolve(joined(this.#pieces))
  }

  /** It will not come whole. */
  break(): void {
    if (this.isComplete) return
    this.#problem = new Refusal(400, 'the request ended early')
    this.#reader?.reject(this.#problem)
  }

  /** Nobody wants it any more. */
  drop(): void {
    this.#isDropped = true
    this.#pieces = []
    this.#reader = null
  }
}

function tooLarge(bytes: number, { maxBytes, setting }: BodyLimit): Refusal {
  return new Refusal(
    413,
    `Request body(${bytes} bytes) too large, max size: ${maxBytes} bytes. See https://www.consul.io/docs/agent/options.html#${setting}.`,
  )
}

/** Memory of its own: a slice of what is shared would keep that alive for as long as the value lives. */
function copyOf(piece: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.length)
  piece.copy(copy)
  return copy
}

function joined(pieces: readonly Buffer[]): Buffer {
  const [only] = pieces
  if (only && pieces.length === 1) return only
  return copyOf(Buffer.concat(pieces))
}
