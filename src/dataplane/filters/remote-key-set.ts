import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, type LocalJWKSet } from 'jose'
import { GatewayError, messageOf } from '../../errors.ts'
import { BoundedCaller } from './bounded-caller.ts'
import type { FilterDeps } from './filter.ts'

const BOUNDS = { timeoutMs: 5_000, maxBytes: 512 * 1024, maxCalls: 2 }
const MOST_KEYS = 200
/** Between two askings for keys that are not known, ms: who sends invented key ids does not decide how often we ask. */
const PAUSE_MS = 10_000

export interface RemoteKeySetOptions {
  readonly url: string
  /** After that long they are asked for again, ms. */
  readonly refreshMs: number
  /** So long old ones serve while there are no new ones, ms. */
  readonly staleMs: number
}

/** Keys that an issuer publishes: asked for when first needed, again in the background, and at once (but not often) for an unknown key id. */
export class RemoteKeySet {
  readonly #options: RemoteKeySetOptions
  readonly #deps: FilterDeps
  readonly #caller: BoundedCaller
  #keys: { readonly find: LocalJWKSet; readonly since: number } | null = null
  #asking: Promise<LocalJWKSet> | null = null
  #askedAt = -Infinity

  constructor(options: RemoteKeySetOptions, deps: FilterDeps) {
    this.#options = options
    this.#deps = deps
    this.#caller = new BoundedCaller(BOUNDS, deps.clock)
  }

  /** The key of a token. Throws `auth_unavailable`, or an error of jose for a token that has none. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const known = await this.#current()
    try {
      return await known(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#mayAsk) throw error
      // The issuer may have begun to sign with a new one. If it cannot be asked now, the old answer stands: not known.
      const fresh = await this.#ask().catch(() => known)
      return await fresh(header, token)
    }
  }

  close(): void {
    this.#caller.close()
  }

  get #mayAsk(): boolean {
    return this.#asking !== null || this.#deps.clock.monotonic() - this.#askedAt >= PAUSE_MS
  }

  async #current(): Promise<LocalJWKSet> {
    const { refreshMs, staleMs } = this.#options
    const ageMs = this.#keys ? this.#deps.clock.monotonic() - this.#keys.since : Infinity
    if (this.#keys && ageMs < refreshMs) return this.#keys.find
    if (!this.#keys || ageMs >= staleMs) {
      if (this.#mayAsk) return this.#ask()
      throw new GatewayError('auth_unavailable', `${this.#options.url}: no keys; asked less than ${PAUSE_MS} ms ago`)
    }
    if (this.#mayAsk) void this.#ask().catch(() => {}) // told to the log where it failed
    return this.#keys.find
  }

  #ask(): Promise<LocalJWKSet> {
    this.#asking ??= this.#fetch().finally(() => (this.#asking = null))
    return this.#asking
  }

  async #fetch(): Promise<LocalJWKSet> {
    const { url } = this.#options
    this.#askedAt = this.#deps.clock.monotonic()
    try {
      const { status, body } = await this.#caller.get(url, ['accept', 'application/jwk-set+json, application/json'])
      if (status !== 200) throw new Error(`status ${status}`)
      const find = createLocalJWKSet(publicKeys(JSON.parse(body.toString()) as unknown))
      this.#keys = { find, since: this.#deps.clock.monotonic() }
      return find
    } catch (error) {
      this.#deps.logger.warn(
        { event: 'jwks.unavailable', url, error: messageOf(error) },
        `no keys from ${url}: ${messageOf(error)}`,
      )
      if (error instanceof GatewayError) throw error
      throw new GatewayError('auth_unavailable', `${url}: ${messageOf(error)}`, { cause: error })
    }
  }
}

/** What of a key set can verify signatures; one odd key must not spoil the others. */
function publicKeys(set: unknown): JSONWebKeySet {
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : null
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) throw new Error(`not a key set of at most ${MOST_KEYS} keys`)
  const usable = keys.filter((key: unknown): key is JSONWebKeySet['keys'][number] => {
    return typeof key === 'object' && key !== null && 'kty' in key && (key.kty === 'RSA' || key.kty === 'EC' || key.kty === 'OKP')
  })
  if (usable.length === 0) throw new Error('a key set without a public key')
  return { keys: usable }
}
