/**
 * The normal form of a path that starts with `/` (RFC 3986 §6.2.2): escapes of unreserved characters decoded, the digits of the other
 * escapes in upper case, dot segments taken out, none of which climbs above the root. Empty segments stay. Returns null for a
 * malformed escape and for `%00`. Applied twice it changes nothing.
 */
export function normalisePath(path: string): string | null {
  const decoded = path.includes('%') ? withNormalEscapes(path) : path
  if (decoded === null) return null
  return decoded.includes('/.') ? withoutDotSegments(decoded) : decoded
}

function withNormalEscapes(path: string): string | null {
  let normal = ''
  let copied = 0
  for (let i = path.indexOf('%'); i !== -1; i = path.indexOf('%', i + 3)) {
    const [high, low] = [hexDigit(path.charCodeAt(i + 1)), hexDigit(path.charCodeAt(i + 2))]
    const code = high * 16 + low
    if (high < 0 || low < 0 || code === 0) return null
    normal += path.slice(copied, i) + (isUnreserved(code) ? String.fromCharCode(code) : path.slice(i, i + 3).toUpperCase())
    copied = i + 3
  }
  return normal + path.slice(copied)
}

/** RFC 3986 §5.2.4. */
function withoutDotSegments(path: string): string {
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  // A dot segment at the end names a folder, so the slash before it stays.
  const last = segments.at(-1)
  if (last === '.' || last === '..') kept.push('')
  return `/${kept.join('/')}`
}

/** The value of a hexadecimal digit; negative for anything else, the end of the text included. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** RFC 3986 §2.3. */
function isUnreserved(code: number): boolean {
  const lower = code | 0x20
  if ((lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39)) return true
  return code === 0x2d || code === 0x2e || code === 0x5f || code === 0x7e
}
