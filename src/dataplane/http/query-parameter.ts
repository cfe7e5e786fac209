/** Takes every parameter of that name out of a query (empty, or `?` and the rest); the others stay as they were written. */
export function takeParameter(query: string, name: string): { readonly values: readonly string[]; readonly rest: string } {
  const values: string[] = []
  const kept: string[] = []
  for (const part of query === '' ? [] : query.slice(1).split('&')) {
    const at = part.indexOf('=')
    if (decoded(at < 0 ? part : part.slice(0, at)) === name) values.push(at < 0 ? '' : decoded(part.slice(at + 1)))
    else kept.push(part)
  }
  if (values.length === 0) return { values, rest: query }
  return { values, rest: kept.length === 0 ? '' : `?${kept.join('&')}` }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    // Escapes that are none stand for themselves.
    return text
  }
}
