/** Which octets may stand where: 1 at the code of each that may. A text read as latin1 has one character per octet. */
export type OctetSet = Uint8Array

export const [tab, lf, cr, space, quote, colon, semicolon, equals, backslash] = [
  0x09, 0x0a, 0x0d, 0x20, 0x22, 0x3a, 0x3b, 0x3d, 0x5c,
] as const

function octetSet(isIn: (code: number) => boolean): OctetSet {
  return Uint8Array.from({ length: 256 }, (_, code) => (isIn(code) ? 1 : 0))
}

const tokenMarks = new Set("!#$%&'*+-.^_`|~".split('').map((mark) => mark.charCodeAt(0)))

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function isUpper(code: number): boolean {
  return code >= 0x41 && code <= 0x5a
}

/** RFC 9110 §5.6.2: what names of fields and of chunk extensions are made of. */
export const tokenOctets = octetSet(
  (code) => isDigit(code) || isUpper(code) || (code >= 0x61 && code <= 0x7a) || tokenMarks.has(code),
)

/**
 * A method is a token (RFC 9110 §9.1) and told apart by case. Lower case is refused all the same: a service that reads `get` as GET would
 * not do what a route for GET was told to.
 */
export const methodOctets = octetSet((code) => isUpper(code) || isDigit(code) || code === 0x2d || code === 0x5f)

/** RFC 9112 §3.2: visible ASCII; which forms of it are a target is for who parses it. */
export const targetOctets = octetSet((code) => code > 0x20 && code < 0x7f)

/** RFC 9110 §5.5: visible octets, those above ASCII included, space and tab. No other control. */
export const valueOctets = octetSet((code) => code === tab || (code >= 0x20 && code !== 0x7f))

/** RFC 9110 §5.6.4: within quotes, but for the quote and the backslash. */
export const quotedOctets = octetSet((code) => valueOctets[code] === 1 && code !== quote && code !== backslash)

/** Whether a text consists of such octets alone. By the table: an expression takes three times as long. */
export function consistsOf(octets: OctetSet, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (octets[text.charCodeAt(i)] !== 1) return false
  return true
}
