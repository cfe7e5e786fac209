/** Why a text is no origin that may be allowed, with the fix, or null. */
export function originProblem(text: string): string | null {
  if (text === '*') return null
  if (text === 'null') return '"null" is the origin of every sandboxed page: it cannot be allowed'
  const plain = text.replace('://*.', '://wildcard.')
  const url = URL.parse(plain)
  if (url && !plain.includes('*') && /^https?:\/\//.test(plain) && url.origin === plain) return null
  return `"${text}" is not an origin: write scheme, host in lower case, and the port if it is not the usual one, as in https://app.example.com`
}

/** Compiles origins without an {@link originProblem}: whether a page of that origin is allowed. `*` in front of a host is one label. */
export function compileOrigins(origins: readonly string[]): (origin: string) => boolean {
  if (origins.includes('*')) return () => true
  const exact = new Set(origins.filter((origin) => !origin.includes('://*.')))
  const wild = origins
    .filter((origin) => origin.includes('://*.'))
    .map((origin) => {
      const at = origin.indexOf('*')
      return { before: origin.slice(0, at), after: origin.slice(at + 1) }
    })
  return (origin) => exact.has(origin) || wild.some(({ before, after }) => fits(origin, before, after))
}

function fits(origin: string, before: string, after: string): boolean {
  if (!origin.startsWith(before) || !origin.endsWith(after)) return false
  return /^[a-z0-9-]{1,63}$/.test(origin.slice(before.length, origin.length - after.length))
}
