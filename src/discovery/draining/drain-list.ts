import type { Clock, Timer } from '../../clock.ts'
import type { Logger } from '../../logging.ts'
import type { KvEntry, Registry, Watch } from '../../registry/registry.ts'
import { drainedBy, drainFolder, instanceText, type InstanceName } from './drain-key.ts'

/** A registry that has not told by then who is drained is not waited for any longer, ms. */
const LONGEST_WAIT_MS = 500

/** Who is to get no new work, as far as those who hand out work ask. */
export interface Drains {
  /** False: nobody knows yet who is drained. */
  readonly isKnown: boolean
  has(instance: InstanceName): boolean
  /** Calls `run` after each change; the function that is returned ends that. */
  follow(run: () => void): () => void
}

export interface DrainListOptions {
  readonly registry: Pick<Registry, 'watchPrefix'>
  readonly prefix: string
  readonly clock: Clock
  readonly logger: Logger
}

/** Follows the keys `<prefix>/drains/<service>/<id>`: each takes an instance out of the traffic of every replica. Closed by the caller. */
export class DrainList implements Drains {
  readonly #options: DrainListOptions
  readonly #followers = new Set<() => void>()
  /** The index of the key by the name of the instance. */
  #entries: ReadonlyMap<string, bigint> = new Map()
  #isKnown = false
  #watch: Watch | null = null
  readonly #giveUp: Timer

  constructor(options: DrainListOptions) {
    this.#options = options
    this.#giveUp = options.clock.after(LONGEST_WAIT_MS, () => this.#settle())
  }

  start(): this {
    const { registry, prefix } = this.#options
    this.#watch = registry.watchPrefix(drainFolder(prefix), {
      onValue: (entries) => this.#take(entries),
      // Who was drained stays so.
      onError: () => this.#settle(),
    })
    return this
  }

  get isKnown(): boolean {
    return this.#isKnown
  }

  /** The registry's index of the last write of each drain, by the name of the instance. */
  get entries(): ReadonlyMap<string, bigint> {
    return this.#entries
  }

  has(instance: InstanceName): boolean {
    return this.#entries.size > 0 && this.#entries.has(instanceText(instance))
  }

  follow(run: () => void): () => void {
    this.#followers.add(run)
    return () => void this.#followers.delete(run)
  }

  close(): void {
    this.#giveUp.cancel()
    this.#watch?.close()
  }

  #take(entries: readonly KvEntry[]): void {
    const found = entries.flatMap(({ key, modifyIndex }) => {
      const instance = drainedBy(this.#options.prefix, key)
      return instance ? [[instanceText(instance), modifyIndex] as const] : []
    })
    this.#tell(new Map(found))
    this.#entries = new Map(found)
    this.#settle()
    for (const run of this.#followers) run()
  }

  #settle(): void {
    this.#giveUp.cancel()
    if (this.#isKnown) return
    this.#isKnown = true
    for (const run of this.#followers) run()
  }

  #tell(next: ReadonlyMap<string, bigint>): void {
    const { logger } = this.#options
    for (const instance of next.keys())
      if (!this.#entries.has(instance))
        logger.info({ event: 'instance.draining', instance }, `${instance} is drained: it gets no new requests`)
    for (const instance of this.#entries.keys())
      if (!next.has(instance))
        logger.info({ event: 'instance.undrained', instance }, `${instance} is no longer drained: it serves once a probe passes`)
  }
}
