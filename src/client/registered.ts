import type { KeptRegistration } from '../discovery/kept-registration.ts'

/** An instance that this process has registered, until it is closed. */
export class Registered implements AsyncDisposable {
  readonly id: string
  readonly #kept: KeptRegistration
  readonly #onEnd: () => void

  constructor(id: string, kept: KeptRegistration, onEnd: () => void) {
    this.id = id
    this.#kept = kept
    this.#onEnd = onEnd
  }

  /** Whether the registry has taken it, as far as is known; if not, it is tried again every 5 s. */
  get isRegistered(): boolean {
    return this.#kept.isRegistered
  }

  /** Asks `health` now and tells the registry, instead of within 5 s. */
  async tellHealth(): Promise<void> {
    await this.#kept.beat()
  }

  /** Takes it out of the registry; never throws. */
  async close(): Promise<void> {
    await this.#kept.close()
    this.#onEnd()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
