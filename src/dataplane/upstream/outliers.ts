import type { Endpoint } from './endpoint.ts'
import type { Faults } from './faults.ts'

/** When an endpoint that fails real requests gets none for a while: plain data. */
export interface OutlierPolicy {
  /** So many failures in a row, ≥ 1. */
  readonly consecutive: number
  /** The first time for so long, ms; each time again for so much longer. */
  readonly ejectMs: number
  /** Never more than this share of the otherwise eligible, 0 … 1. */
  readonly maxEjectedRatio: number
  readonly on: Faults
}

/** An endpoint that fails again and again is out for so many times `ejectMs` at the most. */
const LONGEST_TIMES = 10

interface Conduct {
  /** In a row. */
  failures: number
  /** Ejections that are not forgotten yet. */
  ejections: number
  /** Monotonic ms; the past: it is not ejected. */
  until: number
}

const blameless: Readonly<Conduct> = { failures: 0, ejections: 0, until: -Infinity }

/** Watches how attempts end and takes out who fails, for a time that grows when it happens again. It outlives every swap of the members. */
export class Outliers {
  readonly #conducts = new WeakMap<Endpoint, Conduct>()

  /** Monotonic ms at which an ejection ends; null: the endpoint is not ejected. */
  ejectedUntil(endpoint: Endpoint, now: number): number | null {
    const { until } = this.#conductOf(endpoint)
    return until > now ? until : null
  }

  succeeded(endpoint: Endpoint): void {
    const conduct = this.#conducts.get(endpoint)
    if (conduct) conduct.failures = 0
  }

  /** Counts a failure. Returns for how many ms that ejects the endpoint, of those that would be eligible; null: it does not. */
  failed(endpoint: Endpoint, among: ReadonlySet<Endpoint>, policy: OutlierPolicy, now: number): number | null {
    const { failures, ejections, until } = this.#conductOf(endpoint)
    if (until > now) return null
    this.#conducts.set(endpoint, { failures: failures + 1, ejections, until })
    if (failures + 1 < policy.consecutive || !among.has(endpoint)) return null
    if (this.ejected(among, policy, now).size + 1 > roomOf(among, policy)) return null
    // Each whole ejection time without a new one makes up for an old one.
    const forgotten = Math.floor((now - until) / policy.ejectMs)
    const times = Math.min(LONGEST_TIMES, Math.max(0, ejections - forgotten) + 1)
    const forMs = times * policy.ejectMs
    this.#conducts.set(endpoint, { failures: 0, ejections: times, until: now + forMs })
    return forMs
  }

  /** Takes over an ejection that somebody else has decided on, for `forMs` from now. */
  adopt(endpoint: Endpoint, forMs: number, { ejectMs }: OutlierPolicy, now: number): void {
    const { ejections, until } = this.#conductOf(endpoint)
    const times = Math.max(ejections, Math.round(forMs / ejectMs))
    this.#conducts.set(endpoint, { failures: 0, ejections: times, until: Math.max(until, now + forMs) })
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

  #conductOf(endpoint: Endpoint): Readonly<Conduct> {
    return this.#conducts.get(endpoint) ?? blameless
  }
}

function roomOf(among: ReadonlySet<Endpoint>, { maxEjectedRatio }: OutlierPolicy): number {
  return Math.floor(among.size * maxEjectedRatio)
}
