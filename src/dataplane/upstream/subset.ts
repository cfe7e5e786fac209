import { isDeepStrictEqual } from 'node:util'
import type { Balancer } from '../balancer/balancer.ts'
import type { Asker, Failure } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'
import type { Member, Members } from './members.ts'
import { pickUntried, tryPick, type Picker } from './picker.ts'
import type { UpstreamPolicy } from './policy.ts'
import { preferred } from './preference.ts'
import type { Upstream } from './upstream.ts'
import { fits, whereText, type Where } from './where.ts'

/** The members of an upstream that have what `where` says, and the port if one is given, with a balancer of its own: turns of one subset are not those of another. */
export class Subset implements Picker {
  readonly #upstream: Upstream
  readonly #where: Where
  readonly #port: number | null
  #policy: UpstreamPolicy
  #balancer: Balancer
  #source: Members | null = null
  #members: readonly Member[] = []
  #eligible: readonly Member[] = []
  #preferred: readonly Member[] = []

  constructor(upstream: Upstream, where: Where, port: number | null = null) {
    this.#upstream = upstream
    this.#where = where
    this.#port = port
    this.#policy = upstream.policy
    this.#balancer = upstream.createBalancer()
  }

  get eligible(): readonly Member[] {
    this.#follow()
    return this.#eligible
  }

  pick(asker: Asker, tried: readonly Endpoint[]): Endpoint | null {
    this.#follow()
    return pickUntried(this.#balancer, { preferred: this.#preferred, eligible: this.#eligible }, asker, tried)
  }

  tryOut(asker: Asker): Endpoint | null {
    this.#follow()
    return tryPick(this.#balancer, { preferred: this.#preferred, eligible: this.#eligible }, asker)
  }

  whyNone(): Failure {
    this.#follow()
    const port = this.#port === null ? {} : { port: String(this.#port) }
    return this.#upstream.whyNoneOf(this.#members, ` where { ${whereText({ ...this.#where, ...port })} }`)
  }

  #has(member: Member): boolean {
    return fits(member, this.#where) && (this.#port === null || member.endpoint.address.port === this.#port)
  }

  /** Members are replaced whole, so their identity tells whether the subset is still theirs. */
  #follow(): void {
    const { members, policy } = this.#upstream
    if (members === this.#source) return
    this.#source = members
    this.#followPolicy(policy)
    this.#members = members.all.filter((member) => this.#has(member))
    this.#eligible = members.eligible.filter((member) => this.#has(member))
    this.#preferred = preferred({ ...members, all: this.#members, eligible: this.#eligible }, policy)
  }

  /** It may live longer than a config. */
  #followPolicy(policy: UpstreamPolicy): void {
    if (!isDeepStrictEqual(policy.balance, this.#policy.balance)) this.#balancer = this.#upstream.createBalancer()
    this.#policy = policy
  }
}
