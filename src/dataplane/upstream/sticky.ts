import { createHmac } from 'node:crypto'
import type { Asker, Failure } from '../exchange.ts'
import { cookieOf } from '../http/cookie.ts'
import type { Endpoint } from './endpoint.ts'
import type { Member } from './members.ts'
import type { Picker } from './picker.ts'

/** How a client stays with its instance: plain data. */
export interface StickyPolicy {
  /** Name of the cookie. */
  readonly cookie: string
  /** Secret of the signature; null: derived from the cookie's name. */
  readonly key: string | null
  /** How long the client keeps it, ms; null: until it ends its session. */
  readonly maxAgeMs: number | null
}

/** Part of a route's traffic, as far as a cookie can name it. */
interface Target {
  readonly upstream: { readonly name: string }
  readonly picker: Picker
}

/** 132 bits of the signature: nobody guesses one. */
const SIGNATURE_LENGTH = 22

/**
 * Sends a client to the instance that served it first, by a cookie with nothing in it but a signature of the upstream's name and the
 * instance's id. So it tells nobody an address, follows the id to another address, and is good after a restart and at another gateway.
 */
export class Sticky {
  readonly #policy: StickyPolicy
  /** By the list that they sign, since lists are replaced whole. */
  readonly #signed = new WeakMap<readonly Member[], ReadonlyMap<string, Member>>()

  constructor(policy: StickyPolicy) {
    this.#policy = policy
  }

  /** The part of the traffic in which the client's instance is eligible, with a picker that begins there; null: the client has none. */
  find<T extends Target>(asker: Asker, targets: readonly T[]): T | null {
    const signature = cookieOf(asker.request.headers, this.#policy.cookie)
    if (signature === undefined) return null
    for (const target of targets) {
      const member = this.#signaturesOf(target).get(signature)
      if (member) return { ...target, picker: new StickyPicker(target.picker, member.endpoint) }
    }
    return null
  }

  /** The same part of the traffic, for a client that knows no instance yet. */
  watch<T extends Target>(target: T): T {
    return { ...target, picker: new StickyPicker(target.picker, null) }
  }

  /** The Set-Cookie that names the instance which has answered; null: the client knows it, or it has left. */
  cookieFor({ upstream, picker }: Target, answering: Endpoint | null): string | null {
    if (!(picker instanceof StickyPicker) || answering === picker.first) return null
    const member = picker.eligible.find(({ endpoint }) => endpoint === answering)
    if (!member) return null
    const { cookie, maxAgeMs } = this.#policy
    const age = maxAgeMs === null ? '' : `; Max-Age=${Math.round(maxAgeMs / 1000)}`
    return `${cookie}=${this.#sign(upstream.name, member.id)}; Path=/${age}; HttpOnly; SameSite=Lax`
  }

  #signaturesOf({ upstream, picker: { eligible } }: Target): ReadonlyMap<string, Member> {
    const known = this.#signed.get(eligible)
    if (known) return known
    const signed = new Map(eligible.map((member) => [this.#sign(upstream.name, member.id), member]))
    this.#signed.set(eligible, signed)
    return signed
  }

  #sign(upstream: string, id: string): string {
    const { key, cookie } = this.#policy
    const hmac = createHmac('sha256', key ?? `meshgate sticky ${cookie}`)
    return hmac.update(`${upstream}\0${id}`).digest('base64url').slice(0, SIGNATURE_LENGTH)
  }
}

/** Picks for one exchange: first the endpoint that the client is used to. */
class StickyPicker implements Picker {
  readonly first: Endpoint | null
  readonly #picker: Picker

  constructor(picker: Picker, first: Endpoint | null) {
    this.#picker = picker
    this.first = first
  }

  get eligible(): readonly Member[] {
    return this.#picker.eligible
  }

  pick(asker: Asker, tried: readonly Endpoint[]): Endpoint | null {
    return tried.length === 0 && this.first ? this.first : this.#picker.pick(asker, tried)
  }

  tryOut(asker: Asker): Endpoint | null {
    return this.first ?? this.#picker.tryOut(asker)
  }

  whyNone(): Failure {
    return this.#picker.whyNone()
  }
}
