import type { HeaderList } from '../exchange.ts'
import { isField } from '../../http1/field.ts'
import { FieldNames, removeFields } from './header-list.ts'

/**
 * A new list without what is for this connection only (RFC 9110 §7.6.1): `Connection` and the fields it names, `Keep-Alive`,
 * `Proxy-Connection`, `TE`, `Transfer-Encoding`, `Upgrade`, `HTTP2-Settings`; the proxy's own `Proxy-Authenticate` and
 * `Proxy-Authorization` (§11.7); `Expect`, which the listener has answered; and `Trailer`, because trailers are not relayed and Node
 * refuses to announce them beside a length.
 */
export function withoutHopByHop(headers: HeaderList): HeaderList {
  const kept: HeaderList = []
  let named: Set<string> | null = null
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]]
    if (!isHopByHop(name)) kept.push(name, value)
    else if (isField(name, 'connection')) named = withNames(named, value)
  }
  if (named) removeFields(kept, new FieldNames(named))
  return kept
}

// By length first: most fields are settled without a comparison of text.
function isHopByHop(name: string): boolean {
  switch (name.length) {
    case 2:
      return isField(name, 'te')
    case 6:
      return isField(name, 'expect')
    case 7:
      return isField(name, 'upgrade') || isField(name, 'trailer')
    case 10:
      return isField(name, 'connection') || isField(name, 'keep-alive')
    case 14:
      return isField(name, 'http2-settings')
    case 16:
      return isField(name, 'proxy-connection')
    case 17:
      return isField(name, 'transfer-encoding')
    case 18:
      return isField(name, 'proxy-authenticate')
    case 19:
      return isField(name, 'proxy-authorization')
    default:
      return false
  }
}

function withNames(named: Set<string> | null, connection: string): Set<string> | null {
  // Nearly every request says one of these, and none of them names a field that is still there.
  if (connection === 'keep-alive' || connection === 'close' || connection === 'Upgrade') return named
  let names = named
  for (const option of connection.toLowerCase().split(',')) {
    const name = option.trim()
    if (name === '' || isEndToEnd(name)) continue
    names ??= new Set()
    names.add(name)
  }
  return names
}

const endToEnd = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'forwarded',
  'host',
  'location',
  'set-cookie',
  'via',
  'x-real-ip',
  'x-request-id',
])

// RFC 9110 §7.6.1 forbids to name a field that is meant for all recipients. A client that does it anyway wants the service not to see
// who called (CVE-2022-31813, CVE-2024-45410), a credential, or where the body ends, so these are not taken out.
function isEndToEnd(lowerName: string): boolean {
  return endToEnd.has(lowerName) || lowerName.startsWith('x-forwarded-')
}
