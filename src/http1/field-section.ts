import { isField } from './field.ts'
import { colon, cr, lf, space, tab, tokenOctets, valueOctets } from './octets.ts'
import { violations, type Violation } from './violation.ts'

/** The fields of a message, with what the connection itself has to know of them. */
export class FieldSection {
  /** Names and values in turn, as received: case, order and repetitions. */
  readonly list: string[] = []
  /** Content-Length, bytes; -1: there is none. */
  lengthBytes = -1
  /** Whether Transfer-Encoding says chunked. */
  isChunked = false
  hostCount = 0
  /** The first Host. */
  host = ''
  /** Options of Connection. */
  saysClose = false
  saysKeepAlive = false
  saysUpgrade = false
  /** Upgrade, in lower case; empty: there is none. */
  upgrade = ''
  /** Expect, in lower case; empty: there is none. */
  expect = ''
  /** `timeout` of Keep-Alive, seconds; -1: there is none. */
  keepAliveSeconds = -1
}

const longestLength = 15

/**
 * Parses the field lines of `text` from `from` up to `end`, each of which ends with CR LF, in one pass over the octets: a field is taken
 * only after every octet of it has been seen to be legal. Says which rule is broken, or null.
 */
export function parseFields(
  text: string,
  [from, end]: readonly [number, number],
  fields: FieldSection,
  most: number,
): Violation | null {
  const { list } = fields
  let at = from
  let count = 0
  while (at < end) {
    const nameFrom = at
    while (tokenOctets[text.charCodeAt(at)] === 1) at++
    if (at === nameFrom || text.charCodeAt(at) !== colon) return nameViolation(text, nameFrom, at)
    const name = text.slice(nameFrom, at++)
    while (isBlank(text.charCodeAt(at))) at++
    const valueFrom = at
    while (valueOctets[text.charCodeAt(at)] === 1) at++
    if (text.charCodeAt(at) !== cr || text.charCodeAt(at + 1) !== lf) return valueViolation(text.charCodeAt(at))
    let valueTo = at
    while (valueTo > valueFrom && isBlank(text.charCodeAt(valueTo - 1))) valueTo--
    if (++count > most) return violations.tooManyFields
    if (at > valueTo && isFraming(name) && text.slice(valueTo, at).includes('\t')) return violations.tabBehindFraming
    const value = text.slice(valueFrom, valueTo)
    list.push(name, value)
    const violation = noteField(fields, name, value)
    if (violation) return violation
    at += 2
  }
  return null
}

function isBlank(code: number): boolean {
  return code === space || code === tab
}

function nameViolation(text: string, lineFrom: number, at: number): Violation {
  if (isBlank(text.charCodeAt(lineFrom))) return violations.folding
  return lineViolation(text.charCodeAt(at)) ?? violations.fieldName
}

function valueViolation(code: number): Violation {
  return lineViolation(code) ?? violations.fieldValue
}

function lineViolation(code: number): Violation | null {
  if (code === lf) return violations.bareLf
  return code === cr ? violations.bareCr : null
}

function isFraming(name: string): boolean {
  return isField(name, 'content-length') || isField(name, 'transfer-encoding')
}

/** Keeps what frames the message and the connection; by the length of the name first, which settles most fields. */
function noteField(fields: FieldSection, name: string, value: string): Violation | null {
  switch (name.length) {
    case 4:
      if (isField(name, 'host') && fields.hostCount++ === 0) fields.host = value
      return null
    case 6:
      if (isField(name, 'expect')) fields.expect = value.toLowerCase()
      return null
    case 7:
      if (isField(name, 'upgrade')) fields.upgrade = value.toLowerCase()
      return null
    case 10:
      if (isField(name, 'connection')) noteConnection(fields, value)
      else if (isField(name, 'keep-alive')) fields.keepAliveSeconds = timeoutOf(value)
      return null
    case 14:
      return isField(name, 'content-length') ? noteLength(fields, value) : null
    case 17:
      return isField(name, 'transfer-encoding') ? noteCoding(fields, value) : null
    default:
      return null
  }
}

function noteConnection(fields: FieldSection, value: string): void {
  if (value === 'keep-alive') fields.saysKeepAlive = true
  else if (value === 'close') fields.saysClose = true
  else for (const option of value.toLowerCase().split(',')) noteConnectionOption(fields, option.trim())
}

function noteConnectionOption(fields: FieldSection, option: string): void {
  if (option === 'close') fields.saysClose = true
  else if (option === 'keep-alive') fields.saysKeepAlive = true
  else if (option === 'upgrade') fields.saysUpgrade = true
}

function timeoutOf(value: string): number {
  const found = /(?:^|[,;\s])timeout\s*=\s*"?(\d{1,6})/i.exec(value)?.[1]
  return found === undefined ? -1 : Number(found)
}

// Even equal lengths are refused: a list of them has no use but to be read twice.
function noteLength(fields: FieldSection, value: string): Violation | null {
  if (fields.lengthBytes !== -1) return violations.lengths
  if (fields.isChunked) return violations.lengthAndCoding
  // Fifteen digits are exact in a double; a longer length overflows in one reader or another.
  if (value.length === 0 || value.length > longestLength) return violations.lengthSyntax
  let length = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return violations.lengthSyntax
    length = length * 10 + digit
  }
  fields.lengthBytes = length
  return null
}

function noteCoding(fields: FieldSection, value: string): Violation | null {
  if (fields.isChunked || !isField(value, 'chunked')) return violations.coding
  if (fields.lengthBytes !== -1) return violations.lengthAndCoding
  fields.isChunked = true
  return null
}
