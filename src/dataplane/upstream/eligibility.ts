import type { Failure } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'
import { isFault, isFaultyStatus } from './faults.ts'
import type { Exclusion, Member, Members } from './members.ts'
import { Outliers, type Ejection, type OutlierPolicy, type Sighting } from './outliers.ts'
import type { UpstreamPolicy } from './policy.ts'
import { preferred } from './preference.ts'
import { SlowStart } from './slow-start.ts'

/** Who is called all the same when too few are eligible: those who are merely said to be ill. */
const calledInPanic: ReadonlySet<Exclusion | null> = new Set([null, 'probe_failing', 'ejected', 'registry_critical'])

/** Judges the listed members by what this gateway has seen of them: who is ejected, and who is still starting. All times are monotonic ms. */
export class Eligibility {
  readonly #slowStart = new SlowStart()
  readonly #outliers = new Outliers()
  #ejected: ReadonlySet<Endpoint> = new Set()

  /** The members as requests may read them until `nextAt`, when time changes them; Infinity: it does not. */
  judge(listed: readonly Member[], policy: UpstreamPolicy, now: number): { readonly members: Members; readonly nextAt: number } {
    const { slowStartMs, outlier } = policy
    const among = candidates(listed)
    this.#ejected = outlier ? this.#outliers.ejected(among, outlier, now) : new Set()
    this.#slowStart.follow(
      [...among].filter((endpoint) => !this.#ejected.has(endpoint)),
      now,
    )
    const all = listed.map((member): Member => {
      const exclusion = member.exclusion ?? (this.#ejected.has(member.endpoint) ? 'ejected' : null)
      return { ...member, exclusion, weight: member.weight * this.#slowStart.ratioOf(member.endpoint, slowStartMs, now) }
    })
    const nextAt = Math.min(this.#slowStart.nextStepAt(slowStartMs, now), this.#outliers.nextEndAt(this.#ejected))
    const members = { all, ...eligibleOf(all, policy), known: true }
    return { members: { ...members, preferred: preferred(members, policy) }, nextAt }
  }

  /** Takes a whole answer that took `tookMs` to begin. Returns who is ejected for it. */
  answered(endpoint: Endpoint, { status, tookMs }: Answer, sighting: Sighting): readonly Ejection[] {
    const isFailure = isFaultyStatus(sighting.policy.on, status)
    return isFailure ? this.#outliers.failed(endpoint, sighting) : this.#outliers.succeeded(endpoint, tookMs, sighting)
  }

  /** Takes a failed attempt; returns like {@link answered}. */
  failed(endpoint: Endpoint, { code }: Failure, sighting: Sighting): readonly Ejection[] {
    return isFault(sighting.policy.on, code) ? this.#outliers.failed(endpoint, sighting) : []
  }

  /** What was seen at `now` among the listed, where outliers are looked for. */
  sighting(listed: readonly Member[], policy: OutlierPolicy, now: number): Sighting {
    return { among: () => candidates(listed), policy, now }
  }

  /** Why an endpoint was taken out last, for people. */
  whyEjected(endpoint: Endpoint): string {
    return this.#outliers.whyEjected(endpoint)
  }

  /** Takes over an ejection that another process of this gateway has decided on. */
  adopt(endpoint: Endpoint, forMs: number, sighting: Sighting): void {
    this.#outliers.adopt(endpoint, forMs, sighting)
  }

  /** For how many ms more an endpoint is ejected; null: it is not. */
  ejectedForMs(endpoint: Endpoint, now: number): number | null {
    const until = this.#ejected.has(endpoint) ? this.#outliers.ejectedUntil(endpoint, now) : null
    return until === null ? null : until - now
  }
}

/** An answer that has come to its end. */
export interface Answer {
  readonly status: number
  /** From the sending of the request to the head, ms. */
  readonly tookMs: number
}

function candidates(listed: readonly Member[]): ReadonlySet<Endpoint> {
  return new Set(listed.filter(({ exclusion }) => exclusion === null).map(({ endpoint }) => endpoint))
}

function eligibleOf(all: readonly Member[], { panicRatio }: UpstreamPolicy): Pick<Members, 'eligible' | 'isPanicking'> {
  const eligible = all.filter(({ exclusion }) => exclusion === null)
  if (eligible.length >= all.length * panicRatio) return { eligible, isPanicking: false }
  return { eligible: all.filter(({ exclusion, weight }) => weight > 0 && calledInPanic.has(exclusion)), isPanicking: true }
}
