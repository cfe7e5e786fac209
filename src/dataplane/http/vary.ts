import type { HeaderList } from '../exchange.ts'
import { isField } from '../../http1/field.ts'

/** Whether a `Vary` names a field, or all. */
function tells(value: string, lowerName: string): boolean {
  const lower = value.toLowerCase()
  // Nearly always it does not, and then no list has to be made of it.
  if (!lower.includes('*') && !lower.includes(lowerName)) return false
  const names = lower.split(',').map((part) => part.trim())
  return names.includes('*') || names.includes(lowerName)
}

/** Adds a field name to `Vary`, unless it or `*` is there (RFC 9110 §12.5.5). */
export function addVary(headers: HeaderList, name: string): void {
  let last = -1
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!isField(headers[i] ?? '', 'vary')) continue
    last = i + 1
    if (tells(headers[last] ?? '', name.toLowerCase())) return
  }
  if (last < 0) headers.push('Vary', name)
  else headers[last] = headers[last] === '' ? name : `${headers[last]}, ${name}`
}
