import { isField } from '../../http1/field.ts'
import type { HeaderList } from '../exchange.ts'

/** Names of fields to look for. By their lengths first, which settles nearly every field without a comparison of text. */
export class FieldNames {
  readonly #byLength: (readonly string[])[] = []

  constructor(names: Iterable<string>) {
    for (const name of names) this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), name.toLowerCase()]
  }

  has(name: string): boolean {
    const sameLength = this.#byLength[name.length]
    if (sameLength === undefined) return false
    for (const lowerName of sameLength) if (isField(name, lowerName)) return true
    return false
  }

  /** Whether a field has one of the names. */
  isAnyIn(headers: readonly string[]): boolean {
    for (let i = 0; i < headers.length; i += 2) if (this.has(headers[i] ?? '')) return true
    return false
  }
}

/** Takes every field out, in place, that has one of the names; the others keep their order. */
export function removeFields(headers: HeaderList, names: FieldNames): void {
  if (names.isAnyIn(headers)) keepFields(headers, (name) => !names.has(name))
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
