import type { Quota } from '../dataplane/filters/filter.ts'
import { placesOf, type Place } from '../dataplane/filters/places.ts'
import type { Snapshot } from '../dataplane/snapshot.ts'
import type { AskedMessage, PartsMessage } from './messages.ts'

/** One limit of all workers. */
class SpreadQuota implements Quota {
  readonly perSecond: number
  readonly isKeyed: boolean
  readonly #onPart: () => void
  ratio = 1
  #asked = 0

  constructor({ perSecond, isKeyed }: Quota, onPart: () => void) {
    this.perSecond = perSecond
    this.isKeyed = isKeyed
    this.#onPart = onPart
  }

  add(asked: number): void {
    this.#asked += asked
  }

  takeAsked(): number {
    const taken = this.#asked
    this.#asked = 0
    return taken
  }

  setPart(ratio: number): void {
    this.ratio = ratio
    this.#onPart()
  }
}

type Spread = Place & { readonly part: SpreadQuota }

/**
 * The limits of the cluster in a gateway with workers: what they are asked for is the sum, and all are told this gateway's part, which they
 * keep together as they keep any limit.
 */
export class SpreadQuotas {
  readonly #tell: (message: PartsMessage) => void
  /** By what stands for the limit in this process. */
  readonly #known = new WeakMap<Quota, SpreadQuota>()
  #generation = 0
  #spread: readonly Spread[] = []
  #isTelling = false

  constructor(tell: (message: PartsMessage) => void) {
    this.#tell = tell
  }

  /** The limits of a config that the workers have been told before. */
  follow(snapshot: Snapshot): readonly Spread[] {
    this.#generation = snapshot.generation
    this.#spread = placesOf(snapshot, ({ quota }) => quota).map(({ part, ...place }) => ({
      ...place,
      part: this.#spreadOf(part),
    }))
    this.#tellSoon()
    return this.#spread
  }

  /** Takes what a worker has been asked for. While it serves by another config, places do not mean the same. */
  note({ generation, asked }: AskedMessage): void {
    if (generation !== this.#generation) return
    for (const { route, at, count } of asked)
      this.#spread.find((spread) => spread.route === route && spread.at === at)?.part.add(count)
  }

  /** What a worker is to be told that has just started. */
  get message(): PartsMessage {
    const parts = this.#spread.map(({ route, at, part: { ratio } }) => ({ route, at, ratio }))
    return { kind: 'parts', generation: this.#generation, parts }
  }

  #spreadOf(quota: Quota): SpreadQuota {
    const known = this.#known.get(quota) ?? new SpreadQuota(quota, () => this.#tellSoon())
    this.#known.set(quota, known)
    return known
  }

  /** All that change together go together. */
  #tellSoon(): void {
    if (this.#isTelling || this.#spread.length === 0) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      this.#tell(this.message)
    })
  }
}
