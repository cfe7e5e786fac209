import { isIPv6 } from 'node:net'

/** Where a request says it goes. */
export interface Authority {
  /** In lower case, without port, trailing dot and the brackets of an IPv6 address. */
  readonly host: string
  /** As received. */
  readonly authority: string
}

const [dash, dot, colon, openBracket, underscore] = [0x2d, 0x2e, 0x3a, 0x5b, 0x5f]

// RFC 1035 §2.3.4: a name has at most 255 bytes; a port adds six.
const LONGEST_AUTHORITY = 261

/**
 * Parses `host`, `host:port` and `[v6]:port`, of a Host field or an absolute target. Returns null for anything else: userinfo, an
 * empty host or label, a port outside 1 … 65535, a byte that no host name has.
 */
export function parseAuthority(value: string): Authority | null {
  if (value === '' || value.length > LONGEST_AUTHORITY) return null
  if (value.charCodeAt(0) === openBracket) return parseBracketed(value)
  const end = endOfName(value)
  if (end === -1) return null
  if (end < value.length && !isPort(value, end + 1)) return null
  const nameEnd = value.charCodeAt(end - 1) === dot ? end - 1 : end
  if (nameEnd === 0) return null
  const host = nameEnd === value.length ? value : value.slice(0, nameEnd)
  return { host: host.toLowerCase(), authority: value }
}

/** Whether two authorities of http name the same host and port; a port that is not written is 80 (RFC 9110 §4.2.1, §4.2.3). */
export function isSameAuthority(one: string, other: string): boolean {
  if (one === other) return true
  const [left, right] = [parseAuthority(one), parseAuthority(other)]
  return left !== null && right !== null && left.host === right.host && portOf(one) === portOf(other)
}

/** Whether a Host names what CONNECT asks for; a Host without port says nothing of it: some clients leave it out. */
export function isSameTunnel(target: string, host: string): boolean {
  if (target === host) return true
  const [left, right] = [parseAuthority(target), parseAuthority(host)]
  if (left === null || right === null || left.host !== right.host) return false
  return writtenPort(host) === null || writtenPort(host) === writtenPort(target)
}

/** The port of an authority that has been parsed; null: none is written. */
export function writtenPort(authority: string): number | null {
  const digits = /:(\d+)$/.exec(authority)?.[1]
  return digits === undefined ? null : Number(digits)
}

function portOf(authority: string): number {
  return writtenPort(authority) ?? 80
}

function parseBracketed(value: string): Authority | null {
  const end = value.indexOf(']')
  const host = value.slice(1, Math.max(end, 1))
  // isIPv6 takes a zone id, which means nothing outside the machine that wrote it.
  if (!isIPv6(host) || host.includes('%')) return null
  if (end + 1 < value.length && !(value.charCodeAt(end + 1) === colon && isPort(value, end + 2))) return null
  return { host: host.toLowerCase(), authority: value }
}

/** Where the name ends: at the colon or the end of the text; -1 if it is not a name. */
function endOfName(value: string): number {
  let before = dot
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code === colon) return i === 0 ? -1 : i
    if (code === dot ? before === dot : !isNameCode(code)) return -1
    before = code
  }
  return value.length
}

// The underscore is in no host name of RFC 952, and in many service names.
function isNameCode(code: number): boolean {
  const lower = code | 0x20
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === dash || code === underscore
}

function isPort(value: string, from: number): boolean {
  if (from >= value.length || value.length - from > 5) return false
  let port = 0
  for (let i = from; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
  }
  return port >= 1 && port <= 65535
}
