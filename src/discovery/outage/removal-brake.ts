import { formatAddress } from '../../address.ts'
import type { Clock, Timer } from '../../clock.ts'
import type { BrakePolicy } from '../../config/config.ts'
import type { Listed } from '../listed.ts'

/** Fewer instances than this leave together every day. */
const SMALLEST_SERVICE = 3

export interface BrakeOptions {
  readonly clock: Clock
  /** Called when instances that were held have been let go by time. */
  readonly onRelease: () => void
}

/** What our own probes say. */
export interface OwnVerdict {
  readonly isEligible: (instance: Listed) => boolean
  readonly isFailing: (instance: Listed) => boolean
}

/**
 * Keeps a mass removal from taking a service down: instances that leave too many at once are held with the status they had. They go when
 * our own probes fail, when half as many new ones serve, or when the time is over. After an outage of the registry any removal is held, and
 * who turns critical too: an agent that comes back does not know its services at first, and calls every check critical until it has run.
 */
export class RemovalBrake {
  readonly #options: BrakeOptions
  #policy: BrakePolicy
  #listed: readonly Listed[] = []
  #held: readonly Listed[] = []
  #timer: Timer | null = null
  /** Who served before the removal that is held. */
  #before: ReadonlySet<string> = new Set()

  constructor(policy: BrakePolicy, options: BrakeOptions) {
    this.#policy = policy
    this.#options = options
  }

  /** What the registry lists, with those that are held in place of what it says of them. */
  get instances(): readonly Listed[] {
    if (this.#held.length === 0) return this.#listed
    const held = new Set(this.#held.map(keyOf))
    return [...this.#listed.filter((instance) => !held.has(keyOf(instance))), ...this.#held]
  }

  get held(): number {
    return this.#held.length
  }

  setPolicy(policy: BrakePolicy): void {
    this.#policy = policy
  }

  /** Takes what the registry lists now; tells how many more are held. */
  take(next: readonly Listed[], isAfterOutage: boolean): number {
    const now = new Map(next.map((instance) => [keyOf(instance), instance]))
    const isGone = (instance: Listed): boolean => {
      const found = now.get(keyOf(instance))
      return found === undefined || (found.status === 'critical' && (isAfterOutage || instance.held))
    }
    const serving = this.#listed.filter(isServing)
    const leaving = serving.filter(isGone)
    const stillHeld = this.#held.filter(isGone)
    const known = new Set(stillHeld.map(keyOf))
    const fresh = this.#mustHold(leaving.length, serving.length, isAfterOutage)
      ? leaving.filter((instance) => !known.has(keyOf(instance)))
      : []
    if (fresh.length > 0) this.#before = new Set(serving.map(keyOf))
    this.#listed = next
    this.#setHeld([...stillHeld, ...fresh.map((instance) => ({ ...instance, held: true }))])
    return fresh.length
  }

  /** Lets go of those that our probes decide about; tells how many. */
  judge({ isEligible, isFailing }: OwnVerdict): number {
    const before = this.#held.length
    if (before === 0) return 0
    const newcomers = this.#listed.filter((instance) => !this.#before.has(keyOf(instance)) && isEligible(instance))
    const isReplaced = newcomers.length >= this.#before.size / 2
    this.#setHeld(isReplaced ? [] : this.#held.filter((instance) => !isFailing(instance)))
    return before - this.#held.length
  }

  /** Forgets everything, for what was known is no measure any more, or nobody asks. */
  reset(): void {
    this.#listed = []
    this.#setHeld([])
  }

  #mustHold(leaving: number, of: number, isAfterOutage: boolean): boolean {
    if (leaving === 0 || this.#policy.aboveRatio >= 1) return false
    return isAfterOutage || (of >= SMALLEST_SERVICE && leaving > of * this.#policy.aboveRatio)
  }

  /** The time runs from the first that is held, so that a removal in many steps is not held for ever. */
  #setHeld(held: readonly Listed[]): void {
    this.#held = held
    if (held.length === 0) {
      this.#timer?.cancel()
      this.#timer = null
      return
    }
    this.#timer ??= this.#options.clock.after(this.#policy.holdMs, () => {
      this.#timer = null
      this.#held = []
      this.#options.onRelease()
    })
  }
}

/** An instance that moves under the same id leaves its old address. */
function keyOf({ id, address }: Listed): string {
  return `${id} ${formatAddress(address)}`
}

function isServing({ status }: Listed): boolean {
  return status !== 'critical' && status !== 'maintenance'
}
