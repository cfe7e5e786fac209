import type { Clock } from '../../clock.ts'
import type { Quota } from '../../dataplane/filters/filter.ts'
import type { Place } from '../../dataplane/filters/places.ts'
import type { Beat } from '../../discovery/beat.ts'
import type { Pulse } from '../../discovery/pulse.ts'
import { claimText, readClaim, type Claim } from './parts.ts'
import { SharedQuota, type Standing } from './shared-quota.ts'

/** How often parts are looked at anew, ms. */
const BEAT_MS = 500
/** Who has just been heard again has an equal part for so long, ms: those who were cut off with it come back within it too. */
const JOINING_MS = 3_000
/** The parts of those who have not been heard for so long have lapsed too, wherever they are, ms after ours have. */
const LAPSING_MS = 2_000

export interface FleetQuotasDeps {
  readonly pulse: Pulse
  readonly clock: Clock
}

/** The limits that this replica keeps together with the others, and its parts of them. No request waits for any of this. Closed by the caller. */
export class FleetQuotas {
  readonly #deps: FleetQuotasDeps
  #shared: ReadonlyMap<string, SharedQuota> = new Map()
  #unfollow: (() => void) | null = null
  /** Monotonic ms since when we are heard without a break; null: we are not. */
  #heardSince: number | null = null
  #readings = 0

  constructor(deps: FleetQuotasDeps) {
    this.#deps = deps
  }

  /** The limits of the config in force. One that stays keeps its part. */
  setQuotas(quotas: readonly (Place & { readonly part: Quota })[]): void {
    const { pulse, clock } = this.#deps
    const before = this.#shared
    const replicas = Math.max(pulse.living.length, 1)
    this.#shared = new Map(
      quotas.map(({ part: quota, ...place }) => {
        const id = `${place.route}/${place.at}`
        const known = before.get(id)
        return [id, known?.quota === quota ? known : new SharedQuota(quota, { place, now: clock.monotonic(), replicas })]
      }),
    )
    const isWanted = this.#shared.size > 0
    pulse.wish('quotas', isWanted ? { everyMs: BEAT_MS, content: () => this.#claims() } : null)
    if (!isWanted) this.close()
    else this.#unfollow ??= pulse.follow(() => this.#followBeat())
  }

  /** Our part of each limit. */
  view(): readonly (Place & { readonly ratio: number })[] {
    return [...this.#shared.values()].map(({ place: { route, at }, part }) => ({ route, at, ratio: part }))
  }

  close(): void {
    this.#unfollow?.()
    this.#unfollow = null
    this.#heardSince = null
  }

  /** How we stand to the others as to one limit. */
  #standingOf({ since }: SharedQuota): Standing {
    const { pulse, clock } = this.#deps
    const now = clock.monotonic()
    if (!pulse.isProven) return { now, state: now < pulse.provenUntil + LAPSING_MS ? 'lapsed' : 'alone' }
    const joinedSince = Math.max(since, this.#heardSince ?? now)
    return { now, state: now < joinedSince + JOINING_MS ? 'joining' : 'together' }
  }

  #claims(): Readonly<Record<string, readonly number[]>> {
    return Object.fromEntries([...this.#shared].map(([id, shared]) => [id, claimText(shared.claim(this.#standingOf(shared)))]))
  }

  #followBeat(): void {
    const { pulse, clock } = this.#deps
    if (pulse.isProven) this.#heardSince ??= clock.monotonic()
    else this.#heardSince = null
    // What was read before our present claims were written says nothing about them.
    const isNew = pulse.readings !== this.#readings
    this.#readings = pulse.readings
    const others = pulse.living.filter(({ replica }) => replica !== pulse.self?.name)
    for (const [id, shared] of this.#shared) {
      const standing = this.#standingOf(shared)
      if (!pulse.isProven) shared.fallBack(standing)
      else if (isNew) shared.hear(claimsOf(id, others), standing)
    }
  }
}

function claimsOf(id: string, beats: readonly Beat[]): readonly Claim[] {
  return beats.flatMap(({ contents: { quotas } }) => {
    const claims = typeof quotas === 'object' && quotas !== null ? (quotas as Record<string, unknown>) : {}
    return readClaim(claims[id]) ?? []
  })
}
