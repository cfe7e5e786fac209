import { isField } from './header-list.ts'

/**
 * Says why a request's end or destination could be read in two ways, or null: then it may be forwarded. Stricter than a server has to
 * be (RFC 9112 §6.3), because the service behind may read a doubtful head differently: that is request smuggling.
 * `rawHeaders` are name, value, name, value… as received.
 */
export function framingProblem(rawHeaders: readonly string[], httpVersion: string): 'ambiguous_framing' | 'bad_host' | null {
  let [lengths, encodings, hosts] = [0, 0, 0]
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]]
    if (hasControl(value)) return 'ambiguous_framing'
    if (isField(name, 'content-length')) {
      lengths++
      if (!isLength(value)) return 'ambiguous_framing'
    } else if (isField(name, 'transfer-encoding')) {
      encodings++
      if (!isField(value, 'chunked')) return 'ambiguous_framing'
    } else if (isField(name, 'host')) hosts++
  }
  // Even equal lengths are refused: a list of them has no use but to be read twice.
  if (lengths + encodings > 1) return 'ambiguous_framing'
  // RFC 9112 §6.1: a 1.0 sender that claims a transfer coding is faulty or has been tampered with.
  if (encodings > 0 && httpVersion === '1.0') return 'ambiguous_framing'
  // RFC 9112 §3.2: exactly one Host, which HTTP/1.0 may leave out.
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0') ? null : 'bad_host'
}

function isLength(value: string): boolean {
  // Fifteen digits are exact in a double; a longer length overflows in one reader or another.
  if (value.length === 0 || value.length > 15) return false
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

// RFC 9110 §5.5: CR, LF and NUL are dangerous, the other controls invalid; only the tab is legal.
function hasControl(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true
  }
  return false
}
