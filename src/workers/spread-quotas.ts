import type { Quota, QuotaKeys } from '../dataplane/filters/filter.ts'
import { placesOf, type Place } from '../dataplane/filters/places.ts'
import type { Snapshot } from '../dataplane/snapshot.ts'
import type { AskedMessage, Counted, PartsMessage } from './messages.ts'

/** What workers are told of limits of the cluster. */
type SpreadMessage = PartsMessage | { readonly kind: 'counted'; readonly counted: Counted }

interface SpreadDeps {
  /** Something is to be told to the workers. */
  readonly onChange: () => void
  /** What other gateways have let through. */
  readonly onTold: (numbers: Uint32Array) => void
}

/** One limit of all workers. */
class SpreadQuota implements Quota {
  readonly perSecond: number
  readonly keys: QuotaKeys | null
  readonly #onChange: () => void
  ratio = 1
  secret: readonly [number, number] | null = null
  #asked = 0
  #counted: Uint32Array[] = []

  constructor({ perSecond, keys }: Quota, { onChange, onTold }: SpreadDeps) {
    this.perSecond = perSecond
    this.#onChange = onChange
    this.keys = keys && {
      take: () => Uint32Array.from(this.#counted.splice(0).flatMap((numbers) => [...numbers])),
      add: onTold,
      setSecret: (secret) => {
        this.secret = secret
        onChange()
      },
    }
  }

  add(asked: number): void {
    this.#asked += asked
  }

  count(numbers: Uint32Array): void {
    if (this.keys) this.#counted.push(numbers)
  }

  takeAsked(): number {
    const taken = this.#asked
    this.#asked = 0
    return taken
  }

  setPart(ratio: number): void {
    this.ratio = ratio
    this.#onChange()
  }
}

type Spread = Place & { readonly part: SpreadQuota }

/**
 * The limits of the cluster in a gateway with workers: what they are asked for is the sum, and all are told this gateway's part, which they
 * keep together as they keep any limit.
 */
export class SpreadQuotas {
  readonly #tell: (message: SpreadMessage) => void
  /** By what stands for the limit in this process. */
  readonly #known = new WeakMap<Quota, SpreadQuota>()
  #generation = 0
  #spread: readonly Spread[] = []
  #isTelling = false

  constructor(tell: (message: SpreadMessage) => void) {
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
    for (const { route, at, count } of asked) this.#at(route, at)?.add(count)
  }

  /** Takes what a worker has let through, by key. */
  noteCounted({ generation, counts }: Counted): void {
    if (generation !== this.#generation) return
    for (const { route, at, numbers } of counts) this.#at(route, at)?.count(numbers)
  }

  /** What a worker is to be told that has just started. */
  get message(): PartsMessage {
    const parts = this.#spread.map(({ route, at, part: { ratio, secret } }) => ({ route, at, ratio, secret }))
    return { kind: 'parts', generation: this.#generation, parts }
  }

  #at(route: string, at: number): SpreadQuota | undefined {
    return this.#spread.find((spread) => spread.route === route && spread.at === at)?.part
  }

  #spreadOf(quota: Quota): SpreadQuota {
    const known = this.#known.get(quota)
    if (known) return known
    const onTold = (numbers: Uint32Array): void => this.#tellCounted(spread, numbers)
    const spread = new SpreadQuota(quota, { onChange: () => this.#tellSoon(), onTold })
    this.#known.set(quota, spread)
    return spread
  }

  #tellCounted(of: SpreadQuota, numbers: Uint32Array): void {
    const counts = this.#spread.flatMap(({ route, at, part }) => (part === of ? [{ route, at, numbers }] : []))
    this.#tell({ kind: 'counted', counted: { generation: this.#generation, counts } })
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
