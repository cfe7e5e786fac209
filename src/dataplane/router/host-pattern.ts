import { domainToASCII } from 'node:url'
import { parseAuthority } from '../http/authority.ts'

/** What a route's `host` takes. */
export type HostPattern =
  | { readonly kind: 'exact'; readonly host: string }
  /** `suffix` starts with a dot: `.example.com` takes `a.example.com`, and neither `example.com` nor `a.b.example.com`. */
  | { readonly kind: 'wildcard'; readonly suffix: string }

export type ParsedHost = { readonly ok: true; readonly pattern: HostPattern } | { readonly ok: false; readonly reason: string }

/** Parses `shop.example.com` or `*.example.com`; the reason of a refusal says what to write. */
export function parseHostPattern(text: string): ParsedHost {
  const isWildcard = text.startsWith('*.')
  const name = isWildcard ? text.slice(2) : text
  const reason = nameProblem(name, text)
  if (reason !== null) return { ok: false, reason }
  const host = parseAuthority(name)?.host
  if (host === undefined) return { ok: false, reason: `"${text}" is not a host name; write shop.example.com or *.example.com` }
  if (!isWildcard) return { ok: true, pattern: { kind: 'exact', host } }
  if (host.includes(':')) return { ok: false, reason: `"${text}": an IP address has no wildcard; write the address` }
  return { ok: true, pattern: { kind: 'wildcard', suffix: `.${host}` } }
}

function nameProblem(name: string, text: string): string | null {
  if (text === '') return 'the host is empty; leave it out to take every host'
  if (text === '*' || text === '*.') return `"${text}": leave the host out to take every host`
  if (name.includes('*')) return `"${text}": the star stands for one whole label in front, as in *.example.com`
  if (name.includes('/')) return `"${text}" is more than a host; write the name only, without http:// and path`
  if (!name.startsWith('[') && name.includes(':'))
    return `"${text}" has a port; leave it out, a route takes its host on every port`
  const ascii = domainToASCII(name)
  if (/[^\0-\x7f]/.test(name) && ascii !== '') return `"${text}" is not ASCII; write ${ascii}`
  return null
}
