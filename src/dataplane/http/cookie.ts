import { isField } from '../../http1/field.ts'

/** The value of the first cookie of that name (RFC 6265 §5.4), without its quotes; undefined if there is none. */
export function cookieOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!isField(headers[i] ?? '', 'cookie')) continue
    for (const pair of (headers[i + 1] ?? '').split(';')) {
      const at = pair.indexOf('=')
      if (at >= 0 && pair.slice(0, at).trim() === name) return unquoted(pair.slice(at + 1).trim())
    }
  }
  return undefined
}

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}
