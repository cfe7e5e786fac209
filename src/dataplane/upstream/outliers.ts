import { formatDurationMs } from '../../durations.ts'
import type { Endpoint } from './endpoint.ts'
import type { Faults } from './faults.ts'
import { RollingCounts } from './rolling-counts.ts'
import { Slowness, type SlownessPolicy } from './slowness.ts'

/** When an endpoint that fails real requests, or is far slower than the others, gets none for a while: plain data. */
export interface OutlierPolicy extends SlownessPolicy {
  /** So many failures in a row, ≥ 1. */
  readonly consecutive: number
  /** Or this share of the requests within the window, 0 … 1; 0: only those in a row count. */
  readonly failureRatio: number
  /** The first time for so long, ms; each time again for so much longer. */
  readonly ejectMs: number
  /** Never more than this share of the otherwise eligible, 0 … 1. */
  readonly maxEjectedRatio: number
  readonly on: Faults
}

/** An endpoint that is taken out, for how long, and why: for people. */
export interface Ejection {
  readonly endpoint: Endpoint
  readonly forMs: number
  readonly why: string
}

/** Among whom, by what rules, and when something was seen. */
export interface Sighting {
  /** Those that would be eligible. */
  readonly among: () => ReadonlySet<Endpoint>
  readonly policy: OutlierPolicy
  /** Monotonic ms. */
  readonly now: number
}

/** An endpoint that fails again and again is out for so many times `ejectMs` at the most. */
const LONGEST_TIMES = 10

/** What has been seen of one endpoint. */
class Conduct {
  /** In a row. */
  failures = 0
  /** Ejections that are not forgotten yet. */
  ejections = 0
  /** Monotonic ms; the past: it is not ejected. */
  until = -Infinity
  why = ''
  counts: RollingCounts | null = null

  count(isFailure: boolean, { failureRatio, windowMs }: OutlierPolicy, now: number): void {
    this.failures = isFailure ? this.failures + 1 : 0
    if (failureRatio === 0) return
    if (this.counts?.windowMs !== windowMs) this.counts = new RollingCounts(windowMs)
    this.counts.add(isFailure, now)
  }

  /** Why it fails too often; null: it does not. */
  verdict({ consecutive, failureRatio, minRequests }: OutlierPolicy): string | null {
    if (this.failures >= consecutive) return `${this.failures} requests failed in a row`
    const { counts } = this
    if (failureRatio === 0 || !counts || counts.total < minRequests || counts.failedRatio < failureRatio) return null
    return `${counts.failed} of ${counts.total} requests failed within ${formatDurationMs(counts.windowMs)}`
  }
}

/** Watches how attempts end and takes out who fails or is slow, for a time that grows when it happens again. It outlives every swap of the members. */
export class Outliers {
  readonly #conducts = new WeakMap<Endpoint, Conduct>()
  readonly #slowness = new Slowness()

  /** Monotonic ms at which an ejection ends; null: the endpoint is not ejected. */
  ejectedUntil(endpoint: Endpoint, now: number): number | null {
    const until = this.#conducts.get(endpoint)?.until ?? -Infinity
    return until > now ? until : null
  }

  /** Why an endpoint was taken out last. */
  whyEjected(endpoint: Endpoint): string {
    return this.#conducts.get(endpoint)?.why ?? ''
  }

  /** Takes an answer that is no failure. Returns who is too slow, and was ejected for that. */
  succeeded(endpoint: Endpoint, tookMs: number, sighting: Sighting): readonly Ejection[] {
    const { policy, now } = sighting
    const known = this.#conducts.get(endpoint)
    if (known || policy.failureRatio > 0) (known ?? this.#conductOf(endpoint)).count(false, policy, now)
    if (policy.slowTimes === 0) return []
    return this.#slowness.observe(endpoint, tookMs, policy, now).flatMap((slow) => this.#eject(slow.endpoint, slow.why, sighting))
  }

  /** Takes a failure. Returns whether that has ejected the endpoint. */
  failed(endpoint: Endpoint, sighting: Sighting): readonly Ejection[] {
    const { policy, now } = sighting
    const conduct = this.#conductOf(endpoint)
    if (conduct.until > now) return []
    conduct.count(true, policy, now)
    const why = conduct.verdict(policy)
    return why === null ? [] : this.#eject(endpoint, why, sighting)
  }

  #eject(endpoint: Endpoint, why: string, { among, policy, now }: Sighting): readonly Ejection[] {
    const conduct = this.#conductOf(endpoint)
    const candidates = among()
    if (conduct.until > now || !candidates.has(endpoint)) return []
    if (this.ejected(candidates, policy, now).size + 1 > roomOf(candidates, policy)) return []
    // Each whole ejection time without a new one makes up for an old one.
    const forgotten = Math.floor((now - conduct.until) / policy.ejectMs)
    const times = Math.min(LONGEST_TIMES, Math.max(0, conduct.ejections - forgotten) + 1)
    const forMs = times * policy.ejectMs
    conduct.failures = 0
    conduct.counts?.clear()
    conduct.ejections = times
    conduct.until = now + forMs
    conduct.why = why
    return [{ endpoint, forMs, why }]
  }

  /** Takes over an ejection that another process of this gateway has decided on, for `forMs` from now. */
  adopt(endpoint: Endpoint, forMs: number, { policy, now }: Sighting): void {
    const conduct = this.#conductOf(endpoint)
    conduct.failures = 0
    conduct.counts?.clear()
    conduct.ejections = Math.max(conduct.ejections, Math.round(forMs / policy.ejectMs))
    conduct.until = Math.max(conduct.until, now + forMs)
    conduct.why = 'another process of this gateway saw it fail'
  }

  /** Who is ejected: never more than the policy allows, so that those who are nearest to their end come back when others leave. */
  ejected(among: ReadonlySet<Endpoint>, policy: OutlierPolicy, now: number): ReadonlySet<Endpoint> {
    const all = [...among].filter((endpoint) => this.ejectedUntil(endpoint, now) !== null)
    const longestFirst = all.toSorted((a, b) => this.#conductOf(b).until - this.#conductOf(a).until)
    return new Set(longestFirst.slice(0, roomOf(among, policy)))
  }

  /** When the next ejection ends, monotonic ms; Infinity: none. */
  nextEndAt(ejected: ReadonlySet<Endpoint>): number {
    return Math.min(Infinity, ...[...ejected].map((endpoint) => this.#conductOf(endpoint).until))
  }

  #conductOf(endpoint: Endpoint): Conduct {
    const known = this.#conducts.get(endpoint)
    if (known) return known
    const fresh = new Conduct()
    this.#conducts.set(endpoint, fresh)
    return fresh
  }
}

function roomOf(among: ReadonlySet<Endpoint>, { maxEjectedRatio }: OutlierPolicy): number {
  return Math.floor(among.size * maxEjectedRatio)
}
