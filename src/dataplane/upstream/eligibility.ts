import type { Failure } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'
import { isFault, isFaultyStatus } from './faults.ts'
import type { Exclusion, Member, Members } from './members.ts'
import { Outliers } from './outliers.ts'
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

  /** Takes a whole answer. Returns for how many ms it ejects the endpoint; null: it does not. */
  answered(endpoint: Endpoint, status: number, { listed, policy, now }: Sighting): number | null {
    if (!policy.outlier) return null
    if (isFaultyStatus(policy.outlier.on, status)) return this.#outliers.failed(endpoint, candidates(listed), policy.outlier, now)
    this.#outliers.succeeded(endpoint)
    return null
  }

  /** Takes a failed attempt; returns like {@link answered}. */
  failed(endpoint: Endpoint, { code }: Failure, { listed, policy, now }: Sighting): number | null {
    if (!policy.outlier || !isFault(policy.outlier.on, code)) return null
    return this.#outliers.failed(endpoint, candidates(listed), policy.outlier, now)
  }

  /** Takes over an ejection that another process of this gateway has decided on. */
  adopt(endpoint: Endpoint, forMs: number, { policy, now }: Pick<Sighting, 'policy' | 'now'>): void {
    if (policy.outlier) this.#outliers.adopt(endpoint, forMs, policy.outlier, now)
  }

  /** For how many ms more an endpoint is ejected; null: it is not. */
  ejectedForMs(endpoint: Endpoint, now: number): number | null {
    const until = this.#ejected.has(endpoint) ? this.#outliers.ejectedUntil(endpoint, now) : null
    return until === null ? null : until - now
  }
}

/** When something was seen of an endpoint, and among whom. */
interface Sighting {
  readonly listed: readonly Member[]
  readonly policy: UpstreamPolicy
  readonly now: number
}

function candidates(listed: readonly Member[]): ReadonlySet<Endpoint> {
  return new Set(listed.filter(({ exclusion }) => exclusion === null).map(({ endpoint }) => endpoint))
}

function eligibleOf(all: readonly Member[], { panicRatio }: UpstreamPolicy): Pick<Members, 'eligible' | 'isPanicking'> {
  const eligible = all.filter(({ exclusion }) => exclusion === null)
  if (eligible.length >= all.length * panicRatio) return { eligible, isPanicking: false }
  return { eligible: all.filter(({ exclusion, weight }) => weight > 0 && calledInPanic.has(exclusion)), isPanicking: true }
}
