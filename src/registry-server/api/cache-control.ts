import { Refusal } from '../refusal.ts'

export interface CacheControl {
  /** Whether what a cache holds will not do. */
  readonly mustRevalidate: boolean
}

/** Parses the request's `Cache-Control` as Consul does. Refuses (400) a number that is none. */
export function parseCacheControl(header: string): CacheControl {
  const directives = header
    .toLowerCase()
    .split(',')
    .map((directive) => directive.trim())
  const numbers = directives.filter((directive) => /^(?:max-age|stale-if-error)=/.test(directive))
  if (numbers.some((directive) => !/=[+-]?\d+$/.test(directive))) throw new Refusal(400, 'Invalid Cache-Control header.')
  return { mustRevalidate: directives.includes('must-revalidate') || directives.some((one) => /^max-age=[+-]?0+$/.test(one)) }
}
