import { fullJitterMs } from '../backoff.ts'
import type { Clock, Random, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { Registry } from '../registry/registry.ts'

export interface OwnNodeDeps {
  readonly registry: Pick<Registry, 'ownNodeMeta'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const backoff = { baseMs: 500, maxMs: 30_000 }

/**
 * The meta of the node on which our registry runs, for the zone that we are in. Asked for when somebody wants to know, until there is an answer;
 * it does not change while a node runs. Closed by the caller.
 */
export class OwnNode {
  readonly #deps: OwnNodeDeps
  readonly #waiting = new Set<() => void>()
  #meta: Readonly<Record<string, string>> | null = null
  #isAsking = false
  #retry: Timer | null = null
  #isClosed = false

  constructor(deps: OwnNodeDeps) {
    this.#deps = deps
  }

  /** The value of a key; null: there is none, or it is not known yet. */
  metaOf(key: string): string | null {
    return this.#meta?.[key] ?? null
  }

  /** Calls back once, when the meta becomes known; returns how not to be called. */
  whenKnown(listener: () => void): () => void {
    if (this.#meta) return () => {}
    this.#waiting.add(listener)
    if (!this.#isAsking) void this.#ask(0)
    return () => void this.#waiting.delete(listener)
  }

  close(): void {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#waiting.clear()
  }

  async #ask(failures: number): Promise<void> {
    this.#isAsking = true
    const { registry, clock, random, logger } = this.#deps
    try {
      this.#meta = await registry.ownNodeMeta()
    } catch (error) {
      if (this.#isClosed) return
      if (failures === 0)
        logger.warn({ event: 'registry.own_node_unknown' }, `the zone of this gateway is not known yet: ${messageOf(error)}`)
      this.#retry = clock.after(fullJitterMs(failures, random, backoff), () => void this.#ask(failures + 1))
      return
    }
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const listener of waiting) listener()
  }
}
