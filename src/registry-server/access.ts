import { digestOf, sameDigest } from '../secret-digest.ts'
import type { RequestHead } from './http/request-head.ts'

export interface AccessOptions {
  /** Opens everything; null: no token is asked for. */
  readonly token: string | null
  /** Opens reads only; null: there is none. */
  readonly readToken: string | null
}

// Consul asks for no token here either: load balancers and probes live on it.
const openPaths: ReadonlySet<string> = new Set(['/v1/status/leader', '/v1/status/peers'])

/** Who may use the HTTP API. */
export class Access {
  readonly #token: Buffer | null
  readonly #readToken: Buffer | null

  constructor({ token, readToken }: AccessOptions) {
    this.#token = token === null ? null : digestOf(token)
    this.#readToken = readToken === null ? null : digestOf(readToken)
  }

  /** Whether a request for a decoded path, with the query as it was sent, may pass. */
  allows(request: RequestHead, path: string, query: string): boolean {
    if (this.#token === null || openPaths.has(path)) return true
    const given = givenToken(request, query)
    if (given === null) return false
    const presented = digestOf(given)
    if (sameDigest(presented, this.#token)) return true
    return request.method === 'GET' && this.#readToken !== null && sameDigest(presented, this.#readToken)
  }
}

/** The first of `?token=`, `X-Consul-Token` and `Authorization: Bearer`, as Consul reads them. */
function givenToken(request: RequestHead, query: string): string | null {
  const inQuery = query.includes('token=') ? new URLSearchParams(query).get('token') : null
  if (inQuery) return inQuery
  const inHeader = request.header('x-consul-token')
  if (inHeader) return inHeader
  return /^Bearer +(\S+) *$/i.exec(request.header('authorization') ?? '')?.[1] ?? null
}
