import { fieldOf } from '../../http1/field.ts'
import { digestOf, sameDigest } from '../../secret-digest.ts'
import type { Exchange, Failure, HeaderList } from '../exchange.ts'
import { callerAddress } from '../http/caller-address.ts'
import { FieldNames, removeFields } from '../http/header-list.ts'

/** How a service proves who it is. */
export interface CallerToken {
  readonly service: string
  /** SHA-256 of its token, hexadecimal. */
  readonly digest: string
}

export interface CallerOptions {
  readonly tokens: readonly CallerToken[]
  /** Field that has the token; `Proxy-Authorization` may have it too. */
  readonly header: string
}

/** IP address → the one service that has an instance there. */
export type CallerAddresses = ReadonlyMap<string, string>

const invalidToken: Failure = { code: 'mesh_token_invalid', detail: 'a token that is none of mesh.callers' }

/** Tells which service calls: by its token, or else by the address of its instances. */
export class Callers {
  readonly #known: readonly { readonly service: string; readonly digest: Buffer }[]
  readonly #header: string
  readonly #names: FieldNames

  constructor({ tokens, header }: CallerOptions) {
    this.#known = tokens.map(({ service, digest }) => ({ service, digest: Buffer.from(digest, 'hex') }))
    this.#header = header.toLowerCase()
    this.#names = new FieldNames([header])
  }

  /** Whether anybody has a token. */
  get haveTokens(): boolean {
    return this.#known.length > 0
  }

  /** The caller; null: nobody knows. Takes the token out of the request: the service must not see it. A wrong one is refused, and not as none. */
  identify(exchange: Exchange, addresses: CallerAddresses): string | Failure | null {
    const token = this.haveTokens ? this.#takeToken(exchange.request.headers) : undefined
    if (token !== undefined) return this.#ownerOf(token) ?? invalidToken
    return addresses.size === 0 ? null : (addresses.get(callerAddress(exchange)) ?? null)
  }

  #takeToken(headers: HeaderList): string | undefined {
    const given = fieldOf(headers, this.#header)
    if (given === undefined) return proxyPassword(fieldOf(headers, 'proxy-authorization'))
    removeFields(headers, this.#names)
    return given
  }

  /** All are compared, so that the time tells nothing of any. */
  #ownerOf(token: string): string | null {
    const given = digestOf(token)
    let found: string | null = null
    for (const { service, digest } of this.#known) if (sameDigest(digest, given)) found = service
    return found
  }
}

/** Of `Bearer TOKEN`, or of `Basic` with any user name: what clients make of `http://orders:TOKEN@gateway:4180`. It leaves with the hop anyway. */
function proxyPassword(field: string | undefined): string | undefined {
  const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(field ?? '') ?? []
  if (scheme.toLowerCase() !== 'basic') return field === undefined ? undefined : value
  const text = Buffer.from(value, 'base64').toString('latin1')
  return text.slice(text.indexOf(':') + 1)
}
