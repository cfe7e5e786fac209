import { write, writeSync } from 'node:fs'
import type { Clock, Timer } from './clock.ts'
import { systemCodeOf } from './errors.ts'

/** One write per so many characters: a write per line would cost as much CPU as the request that it tells of. */
const BATCH = 8 * 1024

/** No line waits longer, ms. */
const FLUSH_EVERY_MS = 50

/** A full pipe is tried again after so long, ms. */
const RETRY_MS = 10

/** If nobody reads, lines beyond this are dropped, characters: a gateway does not run out of memory for its log. */
const BACKLOG = 16 * 1024 * 1024

/** The last lines wait no longer for a reader, ms. */
const LAST_WAIT_MS = 1_000

/**
 * Writes lines to a descriptor in batches, without holding up who writes. Where nobody reads any more (a closed pipe), lines are dropped: a
 * gateway does not stop for want of a reader, and does not wait for one when it ends.
 */
export class BatchedOutput {
  readonly #fd: number
  readonly #clock: Clock
  #lines = ''
  #isWriting = false
  #isBroken = false
  #timer: Timer | null = null
  readonly #waiting = new Set<() => void>()

  constructor(fd: number, clock: Clock) {
    this.#fd = fd
    this.#clock = clock
  }

  /** Takes whole lines. */
  write(lines: string): void {
    if (this.#isBroken || this.#lines.length > BACKLOG) return
    this.#lines += lines
    if (this.#lines.length >= BATCH) this.#start()
    else this.#timer ??= this.#clock.after(FLUSH_EVERY_MS, () => this.#start())
  }

  /** Resolves when everything has been written, in order, or when nobody has taken it for a second. */
  flushed(): Promise<void> {
    this.#start()
    if (!this.#isWriting) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        limit.cancel()
        this.#waiting.delete(done)
        resolve()
      }
      const limit = this.#clock.after(LAST_WAIT_MS, done)
      this.#waiting.add(done)
    })
  }

  /**
   * Writes what is left, for an end that cannot wait: what is on its way just then may come behind it, and what a full pipe does not take
   * within a second is lost.
   */
  flushSync(): void {
    const rest = Buffer.from(this.#lines)
    this.#lines = ''
    this.#writeNow(rest)
  }

  #writeNow(batch: Uint8Array): void {
    const since = this.#clock.monotonic()
    let rest = batch
    while (rest.length > 0 && !this.#isBroken && this.#clock.monotonic() - since < LAST_WAIT_MS) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest))
      } catch (error) {
        this.#isBroken = !isFull(error)
        if (!this.#isBroken) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
      }
    }
  }

  #start(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#isWriting || this.#lines === '') return
    const batch = Buffer.from(this.#lines)
    this.#lines = ''
    this.#isWriting = true
    this.#write(batch)
  }

  #write(rest: Uint8Array): void {
    write(this.#fd, rest, (error, written) => {
      if (error && isFull(error)) return this.#tryAgain(rest)
      if (!error && written < rest.length) return this.#write(rest.subarray(written))
      this.#isWriting = false
      this.#isBroken = error !== null
      if (this.#isBroken) this.#lines = ''
      if (this.#lines.length >= BATCH || this.#waiting.size > 0) this.#start()
      else if (this.#lines !== '') this.#timer ??= this.#clock.after(FLUSH_EVERY_MS, () => this.#start())
      if (!this.#isWriting) for (const done of this.#waiting) done()
    })
  }

  #tryAgain(rest: Uint8Array): void {
    if (this.#waiting.size === 0) return void this.#clock.after(RETRY_MS, () => this.#write(rest))
    // The process is about to end, and a timer would not keep it.
    this.#isWriting = false
    this.#writeNow(rest)
    this.flushSync()
    for (const done of this.#waiting) done()
  }
}

function isFull(error: unknown): boolean {
  const code = systemCodeOf(error)
  return code === 'EAGAIN' || code === 'EBUSY'
}
