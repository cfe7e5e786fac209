import type { Random } from '../clock.ts'
import type { Asker } from './exchange.ts'
import { callerAddress } from './http/caller-address.ts'
import { HASH_SEED, hashText, scoreOf } from './rendezvous.ts'
import { compileRequestKey, type RequestKey } from './request-key.ts'

/** How the traffic of a route is divided over its destinations: plain data. */
export interface SplitPolicy {
  /** What users are told apart by, so that each keeps its destination; null: each request is drawn. */
  readonly by: string | null
  /** Where a request may name its destination: keys of a request, the first that names one wins. */
  readonly force: readonly string[]
}

/** Part of a route's traffic, as far as a split knows it. */
export interface SplitPart {
  readonly name: string
  /** ≥ 0 */
  readonly weight: number
}

/** No user keeps anything, and nobody may choose. */
export const plainSplit: SplitPolicy = { by: null, force: [] }

/**
 * Chooses a destination: the one that the request names, else by weight. With a key the choice is a function of the key and of the destinations'
 * names and weights, so it is the same after a restart and at every gateway, and a change of weights moves no more users than it must.
 */
export class Split<Part extends SplitPart> {
  /** Those with a weight above zero; the others are only for those who name them. */
  readonly #drawn: readonly Part[]
  readonly #byName: ReadonlyMap<string, readonly Part[]>
  readonly #total: number
  readonly #keyOf: RequestKey | null
  readonly #force: readonly RequestKey[]

  /** At least one part has a weight above zero. */
  constructor(parts: readonly Part[], { by, force }: SplitPolicy = plainSplit) {
    this.#drawn = parts.filter(({ weight }) => weight > 0)
    this.#byName = new Map(parts.map((part) => [part.name, [part]]))
    this.#total = this.#drawn.reduce((sum, { weight }) => sum + weight, 0)
    this.#keyOf = by === null ? null : compileRequestKey(by)
    this.#force = force.map(compileRequestKey)
  }

  /** Those that a request may get to. */
  open(asker: Asker): readonly Part[] {
    for (const keyOf of this.#force) {
      const named = this.#byName.get(keyOf(asker) ?? '')
      if (named) return named
    }
    return this.#drawn
  }

  /** One of those that {@link open} has given. */
  choose(open: readonly Part[], asker: Asker, random: Random): Part {
    const [only] = open
    if (!only) throw new Error('a route without destination was compiled')
    if (open.length === 1) return only
    return this.#keyOf ? winner(only, open, this.#keyOf(asker) ?? callerAddress(asker)) : this.#draw(only, open, random)
  }

  #draw(first: Part, open: readonly Part[], random: Random): Part {
    let rest = random() * this.#total
    for (const part of open) {
      rest -= part.weight
      if (rest < 0) return part
    }
    return first
  }
}

function winner<Part extends SplitPart>(first: Part, open: readonly Part[], key: string): Part {
  const seed = hashText(HASH_SEED, key)
  let best = first
  let bestScore = -1
  for (const part of open) {
    const score = scoreOf(hashText(seed, part.name), part.weight)
    if (score <= bestScore) continue
    best = part
    bestScore = score
  }
  return best
}
