import { isIP } from 'node:net'
import type { Asker } from '../exchange.ts'
import { unmapped } from './forwarded.ts'
import { isField } from '../../http1/field.ts'

/**
 * The client's IP address: the peer's, unless the peer is a trusted proxy. Then `X-Forwarded-For` is read from its end, where the nearest
 * proxy wrote, and the first address that is not trusted itself is the client's. What stands before it anybody may have written.
 */
export function callerAddress({ request, trusted, isTrusted = () => false }: Asker): string {
  let address = unmapped(request.clientAddress)
  if (!trusted) return address
  for (const hop of forwardedFor(request.headers).toReversed()) {
    const next = addressIn(hop)
    // Who wrote that is the last one known.
    if (next === null) return address
    address = next
    if (!isTrusted(next)) return address
  }
  return address
}

function forwardedFor(headers: readonly string[]): readonly string[] {
  const hops: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (isField(headers[i] ?? '', 'x-forwarded-for')) hops.push(...(headers[i + 1] ?? '').split(','))
  }
  return hops.map((hop) => hop.trim()).filter((hop) => hop !== '')
}

/** Some proxies write the port too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function addressIn(hop: string): string | null {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop)?.[1] ?? hop
  return isIP(bare) === 0 ? null : unmapped(bare)
}
