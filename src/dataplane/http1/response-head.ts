import { FieldSection, parseFields } from '../../http1/field-section.ts'
import { cr, lf, space, valueOctets } from '../../http1/octets.ts'
import { Violation, violations } from '../../http1/violation.ts'

/** The head of a response, checked and taken apart. */
export class ParsedResponse {
  readonly status: number
  readonly isHttp10: boolean
  readonly fields: FieldSection

  constructor({ status, isHttp10 }: StatusLine, fields: FieldSection) {
    this.status = status
    this.isHttp10 = isHttp10
    this.fields = fields
  }

  /** RFC 9112 §9.3. An HTTP/1.0 upstream is never kept: its keep-alive has no clear end of a body without a length. */
  get persists(): boolean {
    return !this.fields.saysClose && !this.isHttp10
  }
}

interface StatusLine {
  readonly status: number
  readonly isHttp10: boolean
  /** Where the first field line begins. */
  readonly end: number
}

/** Parses `text` up to `end`: a status line and field lines, each with its CR LF, without the empty line. */
export function parseResponseHead(text: string, end: number, mostFields: number): ParsedResponse | Violation {
  const line = parseStatusLine(text)
  if (line instanceof Violation) return line
  const fields = new FieldSection()
  const violation = parseFields(text, [line.end, end], fields, mostFields) ?? framingViolation(line, fields)
  return violation ?? new ParsedResponse(line, fields)
}

/** Parses the first line of `text`, which must be there whole. The reason is checked and dropped: it means nothing (RFC 9112 §4). */
export function parseStatusLine(text: string): StatusLine | Violation {
  const isHttp11 = text.startsWith('HTTP/1.1 ')
  if (!isHttp11 && !text.startsWith('HTTP/1.0 ')) return violations.statusLine
  const status = statusAt(text, 9)
  if (status < 100 || status > 599) return violations.statusCode
  let at = 12
  // The space behind the code stands even before an empty reason; many servers leave both out, which is not ambiguous.
  if (text.charCodeAt(at) === space) while (valueOctets[text.charCodeAt(at)] === 1) at++
  if (text.charCodeAt(at) !== cr || text.charCodeAt(at + 1) !== lf) return violations.statusLine
  return { status, isHttp10: !isHttp11, end: at + 2 }
}

function statusAt(text: string, from: number): number {
  let status = 0
  for (let i = from; i < from + 3; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (!(digit >= 0 && digit <= 9)) return -1
    status = status * 10 + digit
  }
  return status
}

function framingViolation({ status, isHttp10 }: StatusLine, { isChunked, lengthBytes }: FieldSection): Violation | null {
  if (isHttp10 && isChunked) return violations.codingInOldVersion
  // RFC 9112 §6.1, RFC 9110 §8.6: neither may stand there; a length of zero is common and harmless.
  const isBodiless = status < 200 || status === 204
  return isBodiless && (isChunked || lengthBytes > 0) ? violations.bodyWhereNone : null
}

/** What is wrong with the first line of `text`, or null. */
export function statusLineViolation(text: string): Violation | null {
  const line = parseStatusLine(text)
  return line instanceof Violation ? line : null
}
