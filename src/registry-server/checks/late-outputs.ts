import type { Clock, Random, Timer } from '../../clock.ts'

// Consul: check_update_interval, 5 minutes, spread by half of it.
const updateIntervalMs = 300_000

export interface LateOutputsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly write: (id: string, output: string) => unknown
}

/** New outputs of checks whose status did not change: kept here, and written to the catalog only every few minutes. One per check. */
export class LateOutputs {
  readonly #options: LateOutputsOptions
  readonly #waiting = new Map<string, { output: string; readonly timer: Timer }>()

  constructor(options: LateOutputsOptions) {
    this.#options = options
  }

  newest(id: string): string | undefined {
    return this.#waiting.get(id)?.output
  }

  take(id: string, output: string): void {
    const waiting = this.#waiting.get(id)
    if (waiting) return void (waiting.output = output)
    const { clock, random, write } = this.#options
    const delayMs = updateIntervalMs / 2 + random() * updateIntervalMs
    const timer = clock.after(delayMs, () => {
      const newest = this.newest(id)
      this.#waiting.delete(id)
      if (newest !== undefined) write(id, newest)
    })
    this.#waiting.set(id, { output, timer })
  }

  forget(id: string): void {
    this.#waiting.get(id)?.timer.cancel()
    this.#waiting.delete(id)
  }

  close(): void {
    for (const id of this.#waiting.keys()) this.forget(id)
  }
}
