/**
 * Runs something of a dependency that calls what Node has deprecated, without Node's word about it to a user who can do nothing: http-proxy
 * 1.18.1 calls `util._extend` (DEP0060). Warnings of everything else are printed as ever.
 */
export function withoutDeprecations<T>(run: () => T): T {
  const before = process.noDeprecation ?? false
  process.noDeprecation = true
  try {
    return run()
  } finally {
    process.noDeprecation = before
  }
}
