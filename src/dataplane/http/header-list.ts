import type { HeaderList } from '../exchange.ts'

/** Whether a field name is `lowerName` whatever its case. Makes no text for it. */
export function isField(name: string, lowerName: string): boolean {
  if (name.length !== lowerName.length) return false
  for (let i = 0; i < lowerName.length; i++) {
    const [code, wanted] = [name.charCodeAt(i), lowerName.charCodeAt(i)]
    if (code !== wanted && !(code >= 0x41 && code <= 0x5a && code + 0x20 === wanted)) return false
  }
  return true
}

/** The value of the first field of that name, or undefined. */
export function fieldOf(headers: readonly string[], lowerName: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (isField(headers[i] ?? '', lowerName)) return headers[i + 1]
  }
  return undefined
}

/** Takes every field out, in place, whose lower-case name is in the set; the others keep their order. */
export function removeFields(headers: HeaderList, lowerNames: ReadonlySet<string>): void {
  keepFields(headers, (name) => !isOneOf(name, lowerNames))
}

// The sets are small, and most names are told apart by their length.
function isOneOf(name: string, lowerNames: ReadonlySet<string>): boolean {
  for (const lowerName of lowerNames) if (isField(name, lowerName)) return true
  return false
}

/** Keeps, in place and in order, the fields for whose name `keep` says true. */
export function keepFields(headers: HeaderList, keep: (name: string) => boolean): void {
  let kept = 0
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!keep(name)) continue
    headers[kept] = name
    headers[kept + 1] = headers[i + 1] ?? ''
    kept += 2
  }
  headers.length = kept
}

/** Makes `value` the only value of that field, in the place of the first one, or at the end. */
export function setField(headers: HeaderList, name: string, value: string): void {
  let found = 0
  for (let i = 0; i < headers.length; i += 2) {
    if (!isSameField(headers[i] ?? '', name)) continue
    if (found === 0) headers[i + 1] = value
    found++
  }
  if (found === 0) headers.push(name, value)
  if (found < 2) return
  let seen = 0
  keepFields(headers, (other) => !isSameField(other, name) || seen++ === 0)
}

function isSameField(name: string, other: string): boolean {
  return name === other || (name.length === other.length && isField(name, other.toLowerCase()))
}
