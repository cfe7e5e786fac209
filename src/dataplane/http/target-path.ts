import { parseAuthority, writtenPort } from './authority.ts'
import { normalisePath } from './path-normal-form.ts'

/** A request target, taken apart. */
export interface Target {
  /** Normalised, for matching and for forwarding; starts with `/`; still percent-encoded. */
  readonly path: string
  /** Empty, or `?` and the query as received. */
  readonly query: string
  /** Of the absolute form; null in the origin form. */
  readonly authority: string | null
}

const [slash, dot, percent, question, hash, backslash] = [0x2f, 0x2e, 0x25, 0x3f, 0x23, 0x5c]
const scheme = 'http://'

/**
 * Parses a target in origin form (`/x?y`) or absolute form (`http://host/x?y`, RFC 9112 §3.2). Returns null for the other forms, for
 * another scheme, and for a target that two readers could understand differently: control characters, spaces, non-ASCII bytes, `#`,
 * a backslash in the path, a malformed escape, `%00`. An encoded slash stays encoded: it is data, not a boundary.
 */
export function parseTarget(rawTarget: string): Target | null {
  if (rawTarget.charCodeAt(0) === slash) return parseOrigin(rawTarget, null)
  if (!isAbsolute(rawTarget)) return null
  const end = endOfAuthority(rawTarget)
  const authority = rawTarget.slice(scheme.length, end)
  if (!parseAuthority(authority)) return null
  const rest = rawTarget.slice(end)
  return parseOrigin(rest.charCodeAt(0) === slash ? rest : `/${rest}`, authority)
}

/** Parses a target as {@link parseTarget} does, in origin form only. */
export function originTarget(rawTarget: string): Target | null {
  return rawTarget.charCodeAt(0) === slash ? parseOrigin(rawTarget, null) : null
}

/** Parses the target of CONNECT: host and port, both written (RFC 9112 §3.2.3). It has no path; what is matched and logged is `/`. */
export function parseTunnelTarget(rawTarget: string): Target | null {
  if (!parseAuthority(rawTarget) || writtenPort(rawTarget) === null) return null
  return { path: '/', query: '', authority: rawTarget }
}

// One scan settles the usual target, whose path is in normal form already.
function parseOrigin(target: string, authority: string | null): Target | null {
  let [end, before, isNormal] = [0, 0, true]
  for (; end < target.length; end++) {
    const code = target.charCodeAt(end)
    if (code === question) break
    if (isRefused(code) || code === backslash) return null
    if (code === percent || (code === dot && before === slash)) isNormal = false
    before = code
  }
  for (let i = end; i < target.length; i++) {
    if (isRefused(target.charCodeAt(i))) return null
  }
  const received = end === target.length ? target : target.slice(0, end)
  const path = isNormal ? received : normalisePath(received)
  return path === null ? null : { path, query: end === target.length ? '' : target.slice(end), authority }
}

function isRefused(code: number): boolean {
  return code <= 0x20 || code >= 0x7f || code === hash
}

function isAbsolute(target: string): boolean {
  return target.startsWith(scheme) || target.slice(0, scheme.length).toLowerCase() === scheme
}

function endOfAuthority(target: string): number {
  for (let i = scheme.length; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code === slash || code === question) return i
  }
  return target.length
}
