import type { Clock, Timer } from '../../clock.ts'
import type { ReplicaStatus } from '../replica-status.ts'
import type { DrainList } from '../../discovery/draining/drain-list.ts'
import type { LeavingLoads } from './load.ts'

/** How often what is under way is counted while somebody leaves, ms. */
const LOOK_EVERY_MS = 100
/** And while nobody does: an instance may be in maintenance. */
const IDLE_LOOK_MS = 1_000

/** What a replica tells of those who leave: a section of its status. */
export interface DrainSection {
  /** Drains that are in force here: the registry's index of the key by the name of the instance. */
  readonly applied: Readonly<Record<string, string>>
  /** By the name of the instance. */
  readonly leaving: LeavingLoads
}

export interface DrainReportDeps {
  readonly drains: DrainList
  /** What is under way at instances that leave, by the drains that are in force at the time of the call; null: not all of it is known. */
  readonly leaving: () => Promise<LeavingLoads | null>
  readonly status: Pick<ReplicaStatus, 'set'>
  readonly clock: Clock
}

/** Tells the other replicas, by the status of this one, what is still under way at instances that leave. Closed by the caller. */
export class DrainReport {
  readonly #deps: DrainReportDeps
  readonly #unfollow: () => void
  #timer: Timer | null = null
  #isClosed = false
  #turn = 0

  constructor(deps: DrainReportDeps) {
    this.#deps = deps
    void this.#look()
    // After all upstreams have taken the change: what is told as acknowledged must be in force.
    this.#unfollow = deps.drains.follow(() => queueMicrotask(() => void this.#look()))
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#unfollow()
  }

  async #look(): Promise<void> {
    this.#timer?.cancel()
    const turn = ++this.#turn
    const { drains, leaving, status, clock } = this.#deps
    const applied = Object.fromEntries([...drains.entries].map(([name, index]) => [name, String(index)]))
    const loads = await leaving()
    // What is known by now is older than what a later look finds.
    if (this.#isClosed || turn !== this.#turn) return
    if (loads) status.set('drain', { applied, leaving: loads } satisfies DrainSection)
    const isBusy = loads === null || Object.values(loads).some(({ inFlight }) => inFlight > 0)
    this.#timer = clock.after(isBusy ? LOOK_EVERY_MS : IDLE_LOOK_MS, () => void this.#look())
  }
}
