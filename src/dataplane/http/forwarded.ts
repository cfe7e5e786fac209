import { BlockList, isIP, isIPv4 } from 'node:net'
import type { HeaderList } from '../exchange.ts'
import { fieldOf, isField } from '../../http1/field.ts'
import { keepFields } from './header-list.ts'

/** Addresses whose answer is remembered. */
const MOST_KNOWN = 4_096

/** What one hop knows of the client. */
export interface Hop {
  /** The peer's IP address. */
  readonly clientAddress: string
  /** Whether the peer is a proxy whose forwarding fields are believed. */
  readonly trusted: boolean
  /** Host and port as the client wrote them. */
  readonly authority: string
  readonly scheme: 'http'
  /** The id that our logs use; whoever believes the peer's id hands it in here. */
  readonly requestId: string
}

/**
 * Writes `X-Forwarded-For`, `-Proto`, `-Host` and `X-Request-Id`, in place. What an untrusted peer says of the client is dropped, with
 * `Forwarded`, `X-Real-IP` and every other `X-Forwarded-*`. A trusted peer's list gets one more address, and its other fields stay.
 * Spellings with underscores are always dropped: CGI-like services cannot tell them from the real ones.
 */
export function forwardingHeaders(headers: HeaderList, hop: Hop): void {
  const { trusted, scheme, authority, requestId } = hop
  const client = unmapped(hop.clientAddress)
  const received = trusted ? joined(headers, 'x-forwarded-for') : ''
  keepFields(headers, (name) => !isForwardingField(name) || (trusted && isKeptOfTrusted(name)))
  headers.push('X-Forwarded-For', received === '' ? client : `${received}, ${client}`)
  if (!trusted || fieldOf(headers, 'x-forwarded-proto') === undefined) headers.push('X-Forwarded-Proto', scheme)
  if (!trusted || fieldOf(headers, 'x-forwarded-host') === undefined) headers.push('X-Forwarded-Host', authority)
  headers.push('X-Request-Id', requestId)
}

function isKeptOfTrusted(name: string): boolean {
  return !name.includes('_') && !isField(name, 'x-forwarded-for') && !isField(name, 'x-request-id')
}

/** Whether a field tells of the client or the request on behalf of a proxy, underscore spellings included. */
export function isForwardingField(name: string): boolean {
  const { length } = name
  // The shortest are `forwarded` and `x-real-ip`; all of them start with an f or an x.
  if (length < 9 || !startsLikeForwarding(name.charCodeAt(0))) return false
  const lower = name.toLowerCase().replaceAll('_', '-')
  return lower.startsWith('x-forwarded-') || lower === 'forwarded' || lower === 'x-real-ip' || lower === 'x-request-id'
}

function startsLikeForwarding(code: number): boolean {
  const lower = code | 0x20
  return lower === 0x78 || lower === 0x66
}

function joined(headers: HeaderList, lowerName: string): string {
  let all = ''
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1] ?? ''
    if (value === '' || !isField(headers[i] ?? '', lowerName)) continue
    all = all === '' ? value : `${all}, ${value}`
  }
  return all
}

/** An IPv4 address that a dual-stack socket shows as `::ffff:1.2.3.4`, as IPv4; any other address as it is. */
export function unmapped(address: string): string {
  if (!address.startsWith('::ffff:')) return address
  const tail = address.slice(7)
  return isIPv4(tail) ? tail : address
}

/** Compiles the peers to believe: IP addresses and CIDR blocks without a {@link trustProblem}; of an empty list nobody is believed. */
export function compileTrust(blocks: readonly string[]): (address: string) => boolean {
  if (blocks.length === 0) return () => false
  const list = new BlockList()
  for (const block of blocks) {
    const { network, prefix } = splitBlock(block)
    list.addSubnet(network, prefix, familyOf(network))
  }
  const contains = (address: string): boolean => {
    const plain = unmapped(address)
    return isIP(plain) !== 0 && list.check(plain, familyOf(plain))
  }
  // A list makes an object outside the heap for every question.
  const known = new Map<string, boolean>()
  return (address) => {
    let found = known.get(address)
    if (found !== undefined) return found
    found = contains(address)
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(address, found)
    return found
  }
}

/** What is wrong with a peer to believe and how to write it, or null. */
export function trustProblem(block: string): string | null {
  const { network, prefix } = splitBlock(block)
  const family = isIP(network)
  if (family === 0) return `"${block}" is not an IP address or CIDR block; write 10.0.0.5, 10.0.0.0/8 or fd00::/8`
  const longest = family === 4 ? 32 : 128
  if (Number.isInteger(prefix) && prefix >= 0 && prefix <= longest) return null
  return `the prefix length of "${block}" must be 0 to ${longest}, as in ${network}/${family === 4 ? 24 : 64}`
}

function splitBlock(block: string): { network: string; prefix: number } {
  const slash = block.indexOf('/')
  const network = unmapped(slash === -1 ? block : block.slice(0, slash))
  if (slash === -1) return { network, prefix: isIPv4(network) ? 32 : 128 }
  const digits = block.slice(slash + 1)
  return { network, prefix: /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6'
}
