import type { Clock } from '../../clock.ts'
import type { Quota } from '../../dataplane/filters/filter.ts'
import type { Place } from '../../dataplane/filters/places.ts'
import type { Beat } from '../../discovery/beat.ts'
import type { Logger } from '../../logging.ts'
import { Refusals } from '../../registry/refusals.ts'
import type { Registry } from '../../registry/registry.ts'
import type { Pulse } from '../../discovery/pulse.ts'
import { fleetSecret, type Secret } from './fleet-secret.ts'
import { KeyedQuota } from './keyed-quota.ts'
import { DividedQuota } from './divided-quota.ts'
import { JOINING_MS, type FleetShare, type Standing } from './standing.ts'

/** How often parts are looked at anew, ms. */
const BEAT_MS = 500
/** The parts of those who have not been heard for so long have lapsed too, wherever they are, ms after ours have. */
const LAPSING_MS = 2_000

export interface FleetQuotasDeps {
  readonly registry: Pick<Registry, 'kv'>
  /** Of our keys in KV. */
  readonly prefix: string
  readonly pulse: Pulse
  readonly clock: Clock
  readonly logger: Logger
}

/** The limits that this replica keeps together with the others, and its parts of them. No request waits for any of this. Closed by the caller. */
export class FleetQuotas {
  readonly #deps: FleetQuotasDeps
  #shares: ReadonlyMap<string, FleetShare> = new Map()
  #secret: Secret | null = null
  #isAsking = false
  #unfollow: (() => void) | null = null
  /** Monotonic ms since when we are heard without a break; null: we are not. */
  #heardSince: number | null = null
  #readings = 0
  readonly #refusals: Refusals

  constructor(deps: FleetQuotasDeps) {
    this.#deps = deps
    const text = 'the secret of limits with a key cannot be shared, so each replica keeps them alone'
    this.#refusals = new Refusals({ ...deps, event: 'quotas.no_secret', text })
  }

  /** The limits of the config in force. One that stays keeps its part. */
  setQuotas(quotas: readonly (Place & { readonly part: Quota })[]): void {
    const { pulse } = this.#deps
    const before = this.#shares
    this.#shares = new Map(
      quotas.map(({ part: quota, ...place }) => {
        const id = `${place.route}/${place.at}`
        const known = before.get(id)
        return [id, known?.quota === quota ? known : this.#shareOf(quota, place)]
      }),
    )
    const isWanted = this.#shares.size > 0
    pulse.wish('quotas', isWanted ? { everyMs: BEAT_MS, content: () => this.#claims() } : null)
    if (!isWanted) this.close()
    else this.#unfollow ??= pulse.follow(() => this.#followBeat())
  }

  /** Our part of each limit. */
  view(): readonly (Place & { readonly ratio: number })[] {
    return [...this.#shares.values()].map(({ place: { route, at }, part }) => ({ route, at, ratio: part }))
  }

  close(): void {
    this.#unfollow?.()
    this.#unfollow = null
    this.#heardSince = null
  }

  #shareOf(quota: Quota, place: Place): FleetShare {
    const { pulse, clock } = this.#deps
    const { keys } = quota
    if (!keys) return new DividedQuota(quota, { place, now: clock.monotonic(), replicas: Math.max(pulse.living.length, 1) })
    if (this.#secret) keys.setSecret(this.#secret)
    return new KeyedQuota(quota, { place, keys, clock })
  }

  get #standing(): Standing {
    const { pulse, clock } = this.#deps
    const now = clock.monotonic()
    if (!pulse.isProven) return { now, state: now < pulse.provenUntil + LAPSING_MS ? 'lapsed' : 'alone' }
    return { now, state: now < (this.#heardSince ?? now) + JOINING_MS ? 'joining' : 'together' }
  }

  #claims(): Readonly<Record<string, unknown>> {
    const standing = this.#standing
    return Object.fromEntries([...this.#shares].map(([id, share]) => [id, share.claim(standing)]))
  }

  #followBeat(): void {
    const { pulse, clock } = this.#deps
    if (pulse.isProven) this.#heardSince ??= clock.monotonic()
    else this.#heardSince = null
    // What was read before our present claims were written says nothing about them.
    const isNew = pulse.readings !== this.#readings
    this.#readings = pulse.readings
    const standing = this.#standing
    const others = pulse.living.filter(({ replica }) => replica !== pulse.self?.name)
    for (const [id, share] of this.#shares) {
      if (!pulse.isProven) share.fallBack(standing)
      else if (isNew) share.hear(toldOf(id, others), standing)
    }
    if (isNew) void this.#learnSecret()
  }

  /** Until it is known, what the others tell of keys says nothing to us. */
  async #learnSecret(): Promise<void> {
    const { registry, prefix } = this.#deps
    const keyed = [...this.#shares.values()].some(({ quota }) => quota.keys)
    if (this.#secret || this.#isAsking || !keyed) return
    this.#isAsking = true
    try {
      const secret = await fleetSecret(registry, prefix)
      this.#secret = secret
      for (const { quota } of this.#shares.values()) quota.keys?.setSecret(secret)
      this.#refusals.clear()
    } catch (error) {
      // The next beat asks again.
      this.#refusals.note(error)
    } finally {
      this.#isAsking = false
    }
  }
}

/** What others tell of one limit, by replica. */
function toldOf(id: string, beats: readonly Beat[]): ReadonlyMap<string, unknown> {
  return new Map(
    beats.flatMap(({ replica, contents: { quotas } }) => {
      const told = typeof quotas === 'object' && quotas !== null ? (quotas as Record<string, unknown>)[id] : undefined
      return told === undefined ? [] : [[replica, told] as const]
    }),
  )
}
