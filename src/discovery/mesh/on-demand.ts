import type { Clock, Timer } from '../../clock.ts'
import type { MeshConfig, UpstreamConfig } from '../../config/config.ts'
import type { UpstreamRow, UpstreamTable } from '../upstream-table.ts'

/** One that was called more recently is not given up for another, ms: callers that take turns must not have each other's thrown away. */
const SPARED_MS = 60_000
/** Between two looks at who is idle, ms at the most. */
const LONGEST_SWEEP_MS = 60_000

export type OnDemandLimits = Pick<MeshConfig, 'idleMs' | 'maxServices'>

export interface OnDemandDeps {
  readonly upstreams: UpstreamTable
  readonly clock: Clock
  readonly limits: () => OnDemandLimits
}

/** The upstreams that calls by name have made: as many as `mesh.maxServices`, each as long as it is called. Closed by the caller. */
export class OnDemand {
  readonly #deps: OnDemandDeps
  /** When each was called last, monotonic ms. */
  readonly #called = new Map<string, { since: number }>()
  #sweep: Timer | null = null

  constructor(deps: OnDemandDeps) {
    this.#deps = deps
  }

  get names(): Iterable<string> {
    return this.#called.keys()
  }

  /** Notes that somebody calls it; of one that is not here nothing. */
  note(name: string): void {
    const called = this.#called.get(name)
    if (called) called.since = this.#deps.clock.monotonic()
  }

  /** Starts an upstream; null: there are too many, and all of them are called. */
  start(config: UpstreamConfig): UpstreamRow | null {
    const { upstreams, clock, limits } = this.#deps
    if (this.#called.size >= limits().maxServices && !this.#giveOneUp()) return null
    this.#called.set(config.name, { since: clock.monotonic() })
    this.#schedule()
    return upstreams.demand(config)
  }

  forget(name: string): void {
    this.#called.delete(name)
    this.#deps.upstreams.forget(name)
  }

  close(): void {
    this.#sweep?.cancel()
    this.#sweep = null
    this.#called.clear()
  }

  #giveOneUp(): boolean {
    const oldest = [...this.#idle(SPARED_MS)].reduce<string | null>(
      (found, name) => (found === null || this.#since(name) < this.#since(found) ? name : found),
      null,
    )
    if (oldest === null) return false
    this.forget(oldest)
    return true
  }

  #schedule(): void {
    if (this.#sweep || this.#called.size === 0) return
    this.#sweep = this.#deps.clock.after(Math.min(this.#deps.limits().idleMs / 2, LONGEST_SWEEP_MS), () => {
      this.#sweep = null
      for (const name of this.#idle(this.#deps.limits().idleMs)) this.forget(name)
      this.#schedule()
    })
  }

  /** Nobody has called them for so long, and nothing is under way there. */
  #idle(forMs: number): readonly string[] {
    const now = this.#deps.clock.monotonic()
    return [...this.#called.keys()].filter((name) => now - this.#since(name) >= forMs && !this.#isBusy(name))
  }

  #since(name: string): number {
    return this.#called.get(name)?.since ?? 0
  }

  #isBusy(name: string): boolean {
    return this.#deps.upstreams.find(name)?.upstream.isBusy ?? false
  }
}
