/** The name whose PTR record an address has, without a dot at its end (RFC 1035 §3.5, RFC 3596 §2.5). Takes 4 or 16 bytes. */
export function reverseName(address: Buffer): string {
  if (address.length === 4) return `${[...address].toReversed().join('.')}.in-addr.arpa`
  return `${address.toString('hex').split('').toReversed().join('.')}.ip6.arpa`
}

/** Whether a name (lower case) is below `arpa`. */
export function isReverseName(name: string): boolean {
  return name === 'arpa' || name.endsWith('.arpa')
}
