/** A host and a TCP port. The host is a name, an IPv4 address, or an IPv6 address without brackets. */
export interface Address {
  readonly host: string
  /** 0 … 65535; 0 only where we listen: any free port. */
  readonly port: number
}

const addressPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/@]*)):(\d{1,5})$/

/**
 * Parses `host:port`, `[v6]:port` or `:port` (then the host is `anyHost`, default `0.0.0.0`).
 * Returns null for anything else: a missing port, a port above 65535, a scheme, userinfo.
 */
export function parseAddress(text: string, anyHost = '0.0.0.0'): Address | null {
  const found = addressPattern.exec(text)
  if (!found) return null
  const port = Number(found[3])
  if (port > 65535) return null
  return { host: found[1] ?? (found[2] || anyHost), port }
}

/** Writes an address the way a URL or a log wants it: IPv6 in brackets. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Whether connections to this host cannot leave the machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
