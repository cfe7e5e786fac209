import type { RequestHead } from '../../src/dataplane/exchange.ts'

/** A request head with whatever a test does not care about filled in. */
export function requestHead(parts: Partial<RequestHead> = {}): RequestHead {
  const host = parts.host ?? 'shop.example.com'
  return {
    method: 'GET',
    authority: host,
    host,
    path: '/',
    query: '',
    headers: [],
    clientAddress: '192.0.2.1',
    requestId: 'r-1',
    ...parts,
  }
}
