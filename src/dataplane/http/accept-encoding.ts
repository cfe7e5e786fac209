import { isField } from '../../http1/field.ts'

/**
 * The coding of `offered` that a client likes best, by its q-values; of equals the first one (RFC 9110 §12.5.3). Null: none of them, or it
 * does not say which it knows.
 */
export function preferredCoding(headers: readonly string[], offered: readonly string[]): string | null {
  const weights = acceptedCodings(headers)
  let [best, bestWeight]: [string | null, number] = [null, 0]
  for (const coding of offered) {
    const weight = weights.get(coding) ?? weights.get('*') ?? 0
    if (weight > bestWeight) [best, bestWeight] = [coding, weight]
  }
  // Who would rather have it as it is gets it as it is.
  return bestWeight >= (weights.get('identity') ?? 0) ? best : null
}

function acceptedCodings(headers: readonly string[]): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!isField(headers[i] ?? '', 'accept-encoding')) continue
    for (const part of (headers[i + 1] ?? '').toLowerCase().split(',')) {
      const [name = '', ...parameters] = part.split(';').map((text) => text.trim())
      const q = parameters.find((text) => text.startsWith('q='))
      // RFC 9110 §8.4.1.3: x-gzip is gzip.
      if (name !== '') weights.set(name === 'x-gzip' ? 'gzip' : name, q === undefined ? 1 : weightOf(q.slice(2)))
    }
  }
  return weights
}

function weightOf(text: string): number {
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0
}
