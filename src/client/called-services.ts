import { looksLikeAddress, parseMeshName, type MeshName } from '../dataplane/mesh/mesh-name.ts'

/** The service that a call is for. */
export interface CalledService extends MeshName {
  /** As the application wrote it. */
  readonly host: string
  /** Registered by the instances that are meant; null: any. */
  readonly port: number | null
  /** Whether nothing but a service can be meant. */
  readonly isCertain: boolean
}

/** So many origins are remembered; an application that calls more forgets them all and begins anew. */
const MOST_ORIGINS = 1_000

const origin = /^http:\/\/(([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)\.?(?::(\d{1,5}))?)\/?$/

/**
 * Tells calls to services from others by their origin: names of the mesh (`http://orders.service`, `http://orders.mesh`, those of the
 * registry's DNS), and names without dot and port. `https` is for one's own certificate, and no service.
 */
export class CalledServices {
  readonly #ends: readonly string[]
  readonly #domain: string
  readonly #known = new Map<string, CalledService | null>()

  constructor(domain: string) {
    this.#domain = domain
    this.#ends = ['.service', '.mesh', `.${domain}`]
  }

  /** Null: it is no call to a service. */
  of(from: string | URL | undefined): CalledService | null {
    const text = typeof from === 'string' ? from : (from?.origin ?? '')
    const known = this.#known.get(text)
    if (known !== undefined) return known
    if (this.#known.size >= MOST_ORIGINS) this.#known.clear()
    const found = this.#read(text)
    this.#known.set(text, found)
    return found
  }

  #read(text: string): CalledService | null {
    const [, authority = '', written = '', digits] = origin.exec(text) ?? []
    const host = written.toLowerCase()
    const port = digits === undefined ? null : Number(digits)
    const isCertain = this.#ends.some((end) => host.endsWith(end))
    const isBare = !host.includes('.') && port === null && host !== 'localhost'
    if (host === '' || looksLikeAddress(host) || (!isCertain && !isBare)) return null
    const name = parseMeshName(host, this.#domain)
    return name && { ...name, host: authority, port, isCertain }
  }
}
