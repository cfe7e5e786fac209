import type { HeaderList } from '../exchange.ts'
import { isField } from './header-list.ts'

/** Adds a field name to `Vary`, unless it or `*` is there (RFC 9110 §12.5.5). */
export function addVary(headers: HeaderList, name: string): void {
  let last = -1
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!isField(headers[i] ?? '', 'vary')) continue
    last = i + 1
    const names = (headers[last] ?? '').split(',').map((part) => part.trim().toLowerCase())
    if (names.includes('*') || names.includes(name.toLowerCase())) return
  }
  if (last < 0) headers.push('Vary', name)
  else headers[last] = headers[last] === '' ? name : `${headers[last]}, ${name}`
}
