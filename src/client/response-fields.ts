import type { IncomingHttpHeaders } from 'node:http'
import type { HeaderList } from '../dataplane/exchange.ts'

/** Fields by their names in lower case, as undici hands them to its users: a name that stands there twice has a list. */
export function headerObject(list: HeaderList): IncomingHttpHeaders {
  const headers: Record<string, string | string[]> = {}
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = (list[i] ?? '').toLowerCase()
    const value = list[i + 1] ?? ''
    // It would set the prototype.
    if (name === '__proto__') continue
    const before = headers[name]
    if (before === undefined || !Object.hasOwn(headers, name)) headers[name] = value
    else headers[name] = typeof before === 'string' ? [before, value] : [...before, value]
  }
  return headers
}
