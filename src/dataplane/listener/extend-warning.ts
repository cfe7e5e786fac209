import { createRequire } from 'node:module'

/**
 * Uses up the one warning (DEP0060) that Node prints when http-proxy 1.18.1 first calls `util._extend`: the user of meshgate can do nothing
 * about it. Every other warning is printed as ever.
 */
export function silenceExtendWarning(): void {
  const util = createRequire(import.meta.url)('node:util') as { _extend?: (target: object, source: object) => object }
  const before = process.noDeprecation
  process.noDeprecation = true
  util._extend?.({}, {})
  process.noDeprecation = before ?? false
}
