import type { Clock } from '../../clock.ts'

/** Keeps values for a while: at most so many, the oldest goes first. */
export class BriefCache<V> {
  readonly #clock: Clock
  readonly #keepMs: number
  readonly #size: number
  readonly #entries = new Map<string, { readonly value: V; readonly until: number }>()

  constructor({ keepMs, size }: { readonly keepMs: number; readonly size: number }, clock: Clock) {
    this.#clock = clock
    this.#keepMs = keepMs
    this.#size = size
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    if (entry.until > this.#clock.thisTurn()) return entry.value
    this.#entries.delete(key)
    return undefined
  }

  set(key: string, value: V): void {
    if (this.#keepMs === 0) return
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.#clock.thisTurn() + this.#keepMs })
    if (this.#entries.size <= this.#size) return
    const oldest = this.#entries.keys().next()
    if (!oldest.done) this.#entries.delete(oldest.value)
  }
}
