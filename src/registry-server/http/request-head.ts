import { fieldOf } from '../../http1/field.ts'
import { FieldSection, parseFields } from '../../http1/field-section.ts'
import { tokenOctets, type OctetSet } from '../../http1/octets.ts'
import { framingViolation, parseRequestLine, persists, type RequestLine } from '../../http1/request-line.ts'
import type { HeadParser } from '../../http1/request-reader.ts'
import { Violation, violations } from '../../http1/violation.ts'

/** The head of a request, as the registry reads it. */
export class RequestHead {
  readonly method: string
  /** The path and the query, still percent-encoded; `*` asks about the server itself. */
  readonly target: string
  readonly isHttp10: boolean
  readonly fields: FieldSection

  constructor({ method, isHttp10 }: RequestLine, target: string, fields: FieldSection) {
    this.method = method
    this.target = target
    this.isHttp10 = isHttp10
    this.fields = fields
  }

  get hasBody(): boolean {
    return this.fields.isChunked || this.fields.lengthBytes > 0
  }

  get persists(): boolean {
    return persists(this, this.fields)
  }

  /** The value of the first field of that name, or undefined. */
  header(lowerName: string): string | undefined {
    return fieldOf(this.fields.list, lowerName)
  }
}

/** Go's server takes any token for a method, and octets above ASCII for what they are: `curl` sends a key as it is typed. */
const targetOctets: OctetSet = Uint8Array.from({ length: 256 }, (_, code) => (code > 0x20 && code !== 0x7f ? 1 : 0))
const octets = { method: tokenOctets, target: targetOctets }

/** How the registry understands requests. Where a path leads is the router's affair. */
export const requestHead: HeadParser<RequestHead> = {
  firstLineViolation(text) {
    const line = parseRequestLine(text, octets)
    return line instanceof Violation ? line : null
  },
  parse(text, end, mostFields) {
    const line = parseRequestLine(text, octets)
    if (line instanceof Violation) return line
    const target = targetOf(line)
    if (target === null) return violations.targetForm
    const fields = new FieldSection()
    const violation = parseFields(text, [line.end, end], fields, mostFields) ?? framingViolation(line, fields)
    return violation ?? new RequestHead(line, target, fields)
  },
}

/** The path and query of the four forms of a target (RFC 9112 §3.2), null: it has none. Octets above ASCII are percent-encoded. */
function targetOf({ method, rawTarget }: RequestLine): string | null {
  const target = rawTarget.startsWith('/') ? rawTarget : pathOf(method, rawTarget)
  // oxlint-disable-next-line no-control-regex -- the octets above ASCII begin where its controls do not end
  return target === null || /^[\x21-\x7e]*$/.test(target) ? target : target.replace(/[\x80-\xff]/g, percentEncoded)
}

function pathOf(method: string, rawTarget: string): string | null {
  if (rawTarget === '*') return method === 'OPTIONS' ? rawTarget : null
  const authority = /^https?:\/\/[^/?#]+/i.exec(rawTarget)?.[0]
  if (authority === undefined) return null
  const path = rawTarget.slice(authority.length)
  return path.startsWith('/') ? path : `/${path}`
}

function percentEncoded(octet: string): string {
  return `%${octet.charCodeAt(0).toString(16)}`
}
