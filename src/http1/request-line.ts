import type { FieldSection } from './field-section.ts'
import { space, type OctetSet } from './octets.ts'
import { violations, type Violation } from './violation.ts'

/** The first line of a request. */
export interface RequestLine {
  readonly method: string
  /** As received, one character per octet. */
  readonly rawTarget: string
  readonly isHttp10: boolean
  /** Where the first field line begins. */
  readonly end: number
}

/** Which octets a method and a target may have. */
export interface LineOctets {
  readonly method: OctetSet
  readonly target: OctetSet
}

// The longest registered one has 17.
const longestMethod = 32

/** Parses the first line of `text`, which must be there whole. Which forms of a target there are is for who parses it. */
export function parseRequestLine(text: string, octets: LineOctets): RequestLine | Violation {
  let at = 0
  while (octets.method[text.charCodeAt(at)] === 1) at++
  if (at === 0 || at > longestMethod || text.charCodeAt(at) !== space) return violations.method
  const method = text.slice(0, at)
  const targetFrom = ++at
  while (octets.target[text.charCodeAt(at)] === 1) at++
  if (at === targetFrom || text.charCodeAt(at) !== space) return violations.target
  const rawTarget = text.slice(targetFrom, at++)
  const isHttp11 = text.startsWith('HTTP/1.1\r\n', at)
  if (!isHttp11 && !text.startsWith('HTTP/1.0\r\n', at)) return violations.version
  return { method, rawTarget, isHttp10: !isHttp11, end: at + 10 }
}

/** Says what is wrong with how a request is framed, or that its Host is not there once, or null. */
export function framingViolation({ isHttp10 }: RequestLine, { isChunked, hostCount }: FieldSection): Violation | null {
  // RFC 9112 §6.1: a 1.0 sender that claims a transfer coding is faulty or has been tampered with.
  if (isHttp10 && isChunked) return violations.codingInOldVersion
  // RFC 9112 §3.2: exactly one, which HTTP/1.0 may leave out.
  return hostCount === 1 || (hostCount === 0 && isHttp10) ? null : violations.hosts
}

/** RFC 9112 §9.3: whether the connection goes on after a request. */
export function persists({ isHttp10 }: { readonly isHttp10: boolean }, { saysClose, saysKeepAlive }: FieldSection): boolean {
  return !saysClose && (!isHttp10 || saysKeepAlive)
}
