import { formatAddress, type Address } from '../../address.ts'
import { isSameAuthority } from '../http/authority.ts'
import { parseTarget, type Target } from '../http/target-path.ts'
import { FieldSection, parseFields } from './field-section.ts'
import { methodOctets, space, targetOctets } from './octets.ts'
import { Violation, violations } from './violation.ts'

/** The head of a request, checked and taken apart. */
export class ParsedRequest {
  readonly method: string
  /** As received. */
  readonly rawTarget: string
  readonly target: Target
  readonly isHttp10: boolean
  readonly fields: FieldSection

  constructor(line: RequestLine, fields: FieldSection) {
    this.method = line.method
    this.rawTarget = line.rawTarget
    this.target = line.target
    this.isHttp10 = line.isHttp10
    this.fields = fields
  }

  get hasBody(): boolean {
    return this.fields.isChunked || this.fields.lengthBytes > 0
  }

  /** RFC 9112 §9.3. */
  get persists(): boolean {
    const { saysClose, saysKeepAlive } = this.fields
    return !saysClose && (!this.isHttp10 || saysKeepAlive)
  }

  /** Whether it asks about the server itself, which is us (RFC 9112 §3.2.4). */
  get isForServer(): boolean {
    return this.target === wholeServer
  }

  /** Gives a request of HTTP/1.0 without Host the one of the address that it came to, for routing and for the service (RFC 9112 §3.2, §3.3). */
  assumeHost(address: Address): void {
    const { fields } = this
    fields.hostCount = 1
    fields.host = formatAddress(address)
    fields.list.push('Host', fields.host)
  }
}

interface RequestLine {
  readonly method: string
  readonly rawTarget: string
  readonly target: Target
  readonly isHttp10: boolean
  /** Where the first field line begins. */
  readonly end: number
}

/** The target of `OPTIONS *`, which names no resource (RFC 9112 §3.2.4). */
const wholeServer: Target = { path: '*', query: '', authority: null }

// The longest registered one has 17.
const longestMethod = 32

/** Parses `text` up to `end`: a request line and field lines, each with its CR LF, without the empty line. */
export function parseRequestHead(text: string, end: number, mostFields: number): ParsedRequest | Violation {
  const line = parseRequestLine(text)
  if (line instanceof Violation) return line
  const fields = new FieldSection()
  const violation = parseFields(text, [line.end, end], fields, mostFields) ?? framingViolation(line, fields)
  return violation ?? new ParsedRequest(line, fields)
}

/** Parses the first line of `text`, which must be there whole. */
export function parseRequestLine(text: string): RequestLine | Violation {
  let at = 0
  while (methodOctets[text.charCodeAt(at)] === 1) at++
  if (at === 0 || at > longestMethod || text.charCodeAt(at) !== space) return violations.method
  const method = text.slice(0, at)
  const targetFrom = ++at
  while (targetOctets[text.charCodeAt(at)] === 1) at++
  if (at === targetFrom || text.charCodeAt(at) !== space) return violations.target
  const rawTarget = text.slice(targetFrom, at++)
  const isHttp11 = text.startsWith('HTTP/1.1\r\n', at)
  if (!isHttp11 && !text.startsWith('HTTP/1.0\r\n', at)) return violations.version
  if (method === 'CONNECT' || method === 'TRACE') return violations.methodNotServed
  const target = method === 'OPTIONS' && rawTarget === '*' ? wholeServer : parseTarget(rawTarget)
  if (!target) return violations.targetForm
  return { method, rawTarget, target, isHttp10: !isHttp11, end: at + 10 }
}

function framingViolation({ isHttp10, target }: RequestLine, { isChunked, hostCount, host }: FieldSection): Violation | null {
  // RFC 9112 §6.1: a 1.0 sender that claims a transfer coding is faulty or has been tampered with.
  if (isHttp10 && isChunked) return violations.codingInOldVersion
  // RFC 9112 §3.2: exactly one, which HTTP/1.0 may leave out.
  if (hostCount !== 1) return hostCount === 0 && isHttp10 ? null : violations.hosts
  return target.authority === null || isSameAuthority(target.authority, host) ? null : violations.hostContradicts
}

/** What is wrong with the first line of `text`, or null. */
export function requestLineViolation(text: string): Violation | null {
  const line = parseRequestLine(text)
  return line instanceof Violation ? line : null
}
