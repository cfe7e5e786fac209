import type { Clock } from '../clock.ts'

/** Within this time an endpoint is told once, ms: an upstream that fails fails for thousands of requests a second. */
const GATHER_MS = 20

type Place = readonly [upstream: string, endpoint: string]

/** Gathers reports of endpoints in trouble; how many there are at once is bounded by how many endpoints there are. */
export class Trouble {
  readonly #clock: Clock
  readonly #tell: (endpoints: readonly Place[]) => void
  #seen = new Map<string, Place>()

  constructor(clock: Clock, tell: (endpoints: readonly Place[]) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  see(upstream: string, endpoint: string): void {
    if (this.#seen.size === 0) this.#clock.after(GATHER_MS, () => this.#flush())
    this.#seen.set(`${upstream} ${endpoint}`, [upstream, endpoint])
  }

  #flush(): void {
    const endpoints = [...this.#seen.values()]
    this.#seen = new Map()
    this.#tell(endpoints)
  }
}
