/** Most answers fit into one of these, bytes. */
const SMALL_BYTES = 16 * 1024
/** Who fills the small one gets this: a piece of 64 KiB with its head fits in. */
const LARGE_BYTES = 72 * 1024

/** The memory that a socket reads into, over and over again, unless somebody has kept a piece of it. */
export class ReceiveBuffer {
  #bytes = Buffer.allocUnsafeSlow(SMALL_BYTES)
  #isKept = false

  /** Says that what was read last will be looked at later. */
  keep(): void {
    this.#isKept = true
  }

  /** Says how much was read. */
  used(bytes: number): void {
    if (bytes === this.#bytes.length && bytes < LARGE_BYTES) this.#bytes = Buffer.allocUnsafeSlow(LARGE_BYTES)
    else if (this.#isKept) this.#bytes = Buffer.allocUnsafeSlow(this.#bytes.length)
    this.#isKept = false
  }

  /** What to read into next. */
  readonly next = (): Uint8Array => this.#bytes
}
