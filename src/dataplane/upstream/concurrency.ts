import type { Picker } from './picker.ts'
import type { ConcurrencyPolicy } from './policy.ts'

/** Somebody who wants to be let in. */
export interface Entrant {
  readonly picker: Pick<Picker, 'eligible'>
  /** Its turn has come; the turn is given back with {@link Concurrency.leave}. */
  onTurn(): void
}

/** Bounds the exchanges under way at an upstream; those that come on top wait in the order they came, up to a limit. */
export class Concurrency {
  /** Exchanges that have been let in. */
  active = 0
  #policy: ConcurrencyPolicy
  readonly #waiting = new Set<Entrant>()
  #isCallingUp = false

  constructor(policy: ConcurrencyPolicy) {
    this.#policy = policy
  }

  get policy(): ConcurrencyPolicy {
    return this.#policy
  }

  /** Takes a new policy; who waits goes on waiting, whoever is in stays in. */
  setPolicy(policy: ConcurrencyPolicy): void {
    this.#policy = policy
    this.callUp()
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** `in`: at once; `waiting`: it will be told; `full`: neither. */
  enter(entrant: Entrant): 'in' | 'waiting' | 'full' {
    this.callUp()
    if (this.#hasRoomFor(entrant)) {
      this.active++
      return 'in'
    }
    if (this.#waiting.size >= this.#policy.queue) return 'full'
    this.#waiting.add(entrant)
    return 'waiting'
  }

  /** Takes out one that waits. */
  giveUp(entrant: Entrant): void {
    this.#waiting.delete(entrant)
  }

  /** One that was in has ended. */
  leave(): void {
    this.active--
    this.callUp()
  }

  /** Lets in whoever can be: the first that came first, but one whose instances are all busy keeps nobody from others. */
  callUp(): void {
    // Who ends at once must not call up the next one from within: a long queue would be a deep stack.
    if (this.#isCallingUp || this.#waiting.size === 0) return
    this.#isCallingUp = true
    try {
      for (const entrant of this.#waiting) {
        if (this.#isAtLimit) break
        if (!this.#hasRoomFor(entrant)) continue
        this.#waiting.delete(entrant)
        this.active++
        entrant.onTurn()
      }
    } finally {
      this.#isCallingUp = false
    }
  }

  get #isAtLimit(): boolean {
    const { requests } = this.#policy
    return requests > 0 && this.active >= requests
  }

  #hasRoomFor({ picker: { eligible } }: Entrant): boolean {
    if (this.#isAtLimit) return false
    const { perInstance } = this.#policy
    // With nobody to ask it is let in, to be told why.
    return perInstance === 0 || eligible.length === 0 || eligible.some(({ endpoint }) => endpoint.inFlight < perInstance)
  }
}
