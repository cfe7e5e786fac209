import { isIP } from 'node:net'
import type { Asker } from './exchange.ts'
import { parseAuthority } from './http/authority.ts'
import { fieldOf } from '../http1/field.ts'
import { parseTarget } from './http/target-path.ts'
import { GatewayError } from '../errors.ts'

/** A request that somebody asks about. */
export interface Question {
  readonly method: string
  /** `https://shop.example.com/api/1?v=2`; only a path, if a Host is among the fields. */
  readonly url: string
  /** `name: value` */
  readonly headers: readonly string[]
  /** The client's IP address. */
  readonly client: string
}

/** Makes of a question what the listener would make of the request. Throws `usage`. */
export function askerOf({ method, url, headers, client }: Question, isTrusted: (address: string) => boolean): Asker {
  const fields = headers.flatMap(parseField)
  const target = parseTarget(url.replace(/^https:/i, 'http:'))
  if (!target)
    throw new GatewayError('usage', `"${url}" is no target that a request can have: write http://HOST/PATH, escaped where needed`)
  const authority = parseAuthority(target.authority ?? fieldOf(fields, 'host') ?? '')
  if (!authority) throw new GatewayError('usage', `"${url}" names no host: write http://HOST/PATH, or give the header Host`)
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new GatewayError('usage', `"${method}" is not a method`)
  if (isIP(client) === 0) throw new GatewayError('usage', `"${client}" is not an IP address`)
  const named = fieldOf(fields, 'host') === undefined ? ['Host', authority.authority, ...fields] : fields
  const request = {
    method,
    authority: authority.authority,
    host: authority.host,
    path: target.path,
    query: target.query,
    headers: named,
    clientAddress: client,
    requestId: 'explained',
  }
  return { request, trusted: isTrusted(client), isTrusted }
}

function parseField(text: string): readonly [string, string] {
  const [, name, value] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw new GatewayError('usage', `"${text}" is not a header field: write it as in 'x-tenant: acme'`)
  return [name, value]
}
