import type { Balancer } from '../balancer/balancer.ts'
import type { Asker, Failure } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'
import type { Member, Members } from './members.ts'
import { noMember } from './no-member.ts'
import { pickUntried, type Picker } from './picker.ts'
import type { Upstream } from './upstream.ts'

/** What the instances of a subset have: `tag` is one of the tags, every other key is in the meta or a tag `key=value`. */
export type Where = Readonly<Record<string, string>>

/** The members of an upstream that have what `where` says, with a balancer of its own: turns of one subset are not those of another. */
export class Subset implements Picker {
  readonly #upstream: Upstream
  readonly #where: Where
  readonly #balancer: Balancer
  #source: Members | null = null
  #members: readonly Member[] = []
  #eligible: readonly Member[] = []

  constructor(upstream: Upstream, where: Where) {
    this.#upstream = upstream
    this.#where = where
    this.#balancer = upstream.createBalancer()
  }

  get eligible(): readonly Member[] {
    this.#follow()
    return this.#eligible
  }

  pick(asker: Asker, tried: readonly Endpoint[]): Endpoint | null {
    this.#follow()
    return pickUntried(this.#balancer, this.#eligible, asker, tried)
  }

  whyNone(): Failure {
    this.#follow()
    const of = Object.entries(this.#where)
      .map(([key, value]) => `${key}: ${value}`)
      .join(', ')
    return noMember(this.#upstream, this.#members, ` where { ${of} }`)
  }

  /** Members are replaced whole, so their identity tells whether the subset is still theirs. */
  #follow(): void {
    const { members } = this.#upstream
    if (members === this.#source) return
    this.#source = members
    this.#members = members.all.filter((member) => has(member, this.#where))
    this.#eligible = members.eligible.filter((member) => has(member, this.#where))
  }
}

function has({ tags, meta }: Member, where: Where): boolean {
  return Object.entries(where).every(([key, value]) =>
    key === 'tag' ? tags.includes(value) : meta[key] === value || tags.includes(`${key}=${value}`),
  )
}
