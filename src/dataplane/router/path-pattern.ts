import { normalisePath } from '../http/path-normal-form.ts'
import { regexRisk } from '../../regex-risk.ts'

/** What a route's `path` takes. Literal text is in the normal form of targets, so the two can be compared. */
export type PathPattern =
  | { readonly kind: 'exact'; readonly path: string }
  /** A null stands for any one segment that is not empty. */
  | { readonly kind: 'template'; readonly segments: readonly (string | null)[] }
  /** At least one. Takes the path of these segments and all below it. */
  | { readonly kind: 'prefix'; readonly segments: readonly string[] }
  | { readonly kind: 'regex'; readonly regex: RegExp }
  /** `/*`, or no path at all. */
  | { readonly kind: 'any' }

export type ParsedPath = { readonly ok: true; readonly pattern: PathPattern } | { readonly ok: false; readonly reason: string }

const longestRegex = 256
const badEscape = 'a % must be followed by two hexadecimal digits other than 00; write %25 for the sign itself'
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i

/** Parses `/x`, `/x/*`, `/u/{id}` or `~^/re`; the reason of a refusal says what to write. */
export function parsePathPattern(text: string): ParsedPath {
  if (text.startsWith('~')) return parseRegex(text)
  if (text === '/*') return { ok: true, pattern: { kind: 'any' } }
  const isPrefix = text.endsWith('/*')
  const literal = isPrefix ? text.slice(0, -2) : text
  const reason = literalProblem(literal, text)
  if (reason !== null) return { ok: false, reason }
  if (/[{}]/.test(literal)) {
    if (!isPrefix) return parseTemplate(literal)
    return refuse(text, `{…} and /* cannot be combined; write a regular expression, as in ~^/u/[^/]+/`)
  }
  const path = normalisePath(encodeLiteral(literal))
  if (path === null) return refuse(text, badEscape)
  return { ok: true, pattern: isPrefix ? { kind: 'prefix', segments: segmentsOf(path) } : { kind: 'exact', path } }
}

/** The segments of a path that starts with `/`: of `/a/` they are `a` and the empty one. */
export function segmentsOf(path: string): string[] {
  return path.slice(1).split('/')
}

function parseTemplate(text: string): ParsedPath {
  const segments: (string | null)[] = []
  const names = new Set<string>()
  for (const segment of segmentsOf(text)) {
    const name = /^\{([A-Za-z_]\w*)\}$/.exec(segment)?.[1]
    if (name === undefined && /[{}]/.test(segment)) {
      return refuse(text, 'a {name} takes a whole segment, as in /u/{id}; for a part of one write a regular expression')
    }
    if (name !== undefined && names.has(name)) return refuse(text, `{${name}} is there twice; give each its own name`)
    if (name !== undefined) names.add(name)
    const literal = normalisePath(encodeLiteral(`/${segment}`))
    if (literal === null) return refuse(text, badEscape)
    segments.push(name === undefined ? literal.slice(1) : null)
  }
  return { ok: true, pattern: { kind: 'template', segments } }
}

function parseRegex(text: string): ParsedPath {
  const source = text.slice(1)
  if (!source.startsWith('^'))
    return refuse(text, `a regular expression starts with ^, else it would match inside a path; write ~^/…`)
  if (source.length > longestRegex)
    return refuse(text, `a regular expression has at most ${longestRegex} characters, this one ${source.length}`)
  try {
    const regex = new RegExp(source)
    const risk = regexRisk(source)
    return risk === null ? { ok: true, pattern: { kind: 'regex', regex } } : refuse(text, risk)
  } catch (error) {
    return refuse(text, error instanceof Error ? error.message : 'not a regular expression')
  }
}

function literalProblem(literal: string, text: string): string | null {
  if (text === '') return 'the path is empty; leave it out to take every path'
  if (!text.startsWith('/')) return `"${text}" must start with /; write ${JSON.stringify(`/${text}`)}`
  if (literal.includes('?')) return `"${text}": a path has no query; write match.query for that`
  if (literal.includes('#')) return `"${text}": a fragment never reaches a server; leave the # out, or write %23`
  if (dotSegment.test(literal)) return `"${text}" has a . or .. segment, which no target keeps; write the path without it`
  if (literal.includes('\\')) return `"${text}" has a backslash; write / or %5C`
  if (literal.includes('*'))
    return `"${text}": a star is for the end only, as in /x/*; for one segment write {name}, for the sign itself %2A`
  return null
}

/** Encodes what a target cannot hold as it is: controls, spaces and non-ASCII text, as UTF-8. */
function encodeLiteral(literal: string): string {
  return literal.toWellFormed().replaceAll(/[^\x21-\x7e]+/g, encodeURIComponent)
}

function refuse(text: string, reason: string): ParsedPath {
  return { ok: false, reason: `"${text}": ${reason}` }
}
