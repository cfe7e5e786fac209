import { formatAddress, type Address } from '../../address.ts'
import { isSameAuthority, isSameTunnel } from '../http/authority.ts'
import { parseTarget, parseTunnelTarget, type Target } from '../http/target-path.ts'
import { FieldSection, parseFields } from '../../http1/field-section.ts'
import { methodOctets, targetOctets } from '../../http1/octets.ts'
import { framingViolation, parseRequestLine, persists, type LineOctets, type RequestLine } from '../../http1/request-line.ts'
import type { HeadParser } from '../../http1/request-reader.ts'
import { Violation, violations } from '../../http1/violation.ts'

/** The head of a request, checked and taken apart. */
export class ParsedRequest {
  readonly method: string
  /** As received. */
  readonly rawTarget: string
  readonly target: Target
  readonly isHttp10: boolean
  readonly fields: FieldSection

  constructor(line: RequestLine, target: Target, fields: FieldSection) {
    this.method = line.method
    this.rawTarget = line.rawTarget
    this.target = target
    this.isHttp10 = line.isHttp10
    this.fields = fields
  }

  get hasBody(): boolean {
    return this.fields.isChunked || this.fields.lengthBytes > 0
  }

  get persists(): boolean {
    return persists(this, this.fields)
  }

  /** Whether it asks about the server itself, which is us (RFC 9112 §3.2.4). */
  get isForServer(): boolean {
    return this.target === wholeServer
  }

  /** RFC 9110 §10.1.1: there is one expectation, which HTTP/1.0 does not know. */
  get isExpectationMet(): boolean {
    const { expect } = this.fields
    return expect === '' || expect === '100-continue' || this.isHttp10
  }

  /** RFC 9110 §7.8: a server may ignore Upgrade. What is not WebSocket, or has a body, goes on as the request that it also is. */
  get isWebSocket(): boolean {
    const { upgrade, saysUpgrade } = this.fields
    if (upgrade !== 'websocket') return false
    return saysUpgrade && this.method === 'GET' && !this.hasBody && !this.isHttp10 && this.isExpectationMet
  }

  /** Whether it is the last one that is read from its connection: what follows is for who agrees to it. */
  get asksForTunnel(): boolean {
    return this.isWebSocket || this.method === 'CONNECT'
  }

  /** Gives a request of HTTP/1.0 without Host the one of the address that it came to, for routing and for the service (RFC 9112 §3.2, §3.3). */
  assumeHost(address: Address): void {
    const { fields } = this
    fields.hostCount = 1
    fields.host = formatAddress(address)
    fields.list.push('Host', fields.host)
  }
}

/** The target of `OPTIONS *`, which names no resource (RFC 9112 §3.2.4). */
const wholeServer: Target = { path: '*', query: '', authority: null }

const octets: LineOctets = { method: methodOctets, target: targetOctets }

/** How a gateway understands requests: with targets in normal form, of which it serves all but CONNECT and TRACE. */
export const requestHead = headParser(targetOf)

/** The same for a proxy, which serves CONNECT too. */
export const proxyRequestHead = headParser((line) => (line.method === 'CONNECT' ? tunnelTargetOf(line) : targetOf(line)))

function headParser(target: (line: RequestLine) => Target | Violation): HeadParser<ParsedRequest> {
  return {
    firstLineViolation(text) {
      const line = parseRequestLine(text, octets)
      const found = line instanceof Violation ? line : target(line)
      return found instanceof Violation ? found : null
    },
    parse(text, end, mostFields) {
      const line = parseRequestLine(text, octets)
      if (line instanceof Violation) return line
      const found = target(line)
      if (found instanceof Violation) return found
      const fields = new FieldSection()
      const violation = parseFields(text, [line.end, end], fields, mostFields) ?? headViolation(line, found, fields)
      return violation ?? new ParsedRequest(line, found, fields)
    },
  }
}

function targetOf({ method, rawTarget }: RequestLine): Target | Violation {
  if (method === 'CONNECT' || method === 'TRACE') return violations.methodNotServed
  if (method === 'OPTIONS' && rawTarget === '*') return wholeServer
  return parseTarget(rawTarget) ?? violations.targetForm
}

function tunnelTargetOf({ rawTarget }: RequestLine): Target | Violation {
  return parseTunnelTarget(rawTarget) ?? violations.targetForm
}

function headViolation(line: RequestLine, { authority }: Target, fields: FieldSection): Violation | null {
  const isConnect = line.method === 'CONNECT'
  if (isConnect && (fields.isChunked || fields.lengthBytes > 0)) return violations.bodyOfConnect
  const violation = framingViolation(line, fields)
  if (violation || authority === null || fields.hostCount === 0) return violation
  const agrees = isConnect ? isSameTunnel : isSameAuthority
  return agrees(authority, fields.host) ? null : violations.hostContradicts
}
