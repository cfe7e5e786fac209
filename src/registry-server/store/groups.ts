import { compareBytes } from './sorted-map.ts'

/** Rows of a table by the name of a group that each is in, or is not. The table keeps it. */
export class Groups<Row> {
  readonly #nameOf: (row: Row) => string | null
  readonly #groups = new Map<string, Map<string, Row>>()

  constructor(nameOf: (row: Row) => string | null) {
    this.#nameOf = nameOf
  }

  /** The rows of one group, in key order. */
  rows(name: string): readonly Row[] {
    const found = this.#groups.get(name)
    if (!found) return []
    return [...found].toSorted(([a], [b]) => compareBytes(a, b)).map(([, row]) => row)
  }

  has(name: string): boolean {
    return this.#groups.has(name)
  }

  enter(key: string, row: Row): void {
    const name = this.#nameOf(row)
    if (name === null) return
    const group = this.#groups.get(name)
    if (group) group.set(key, row)
    else this.#groups.set(name, new Map([[key, row]]))
  }

  leave(key: string, row: Row): void {
    const name = this.#nameOf(row)
    const group = name === null ? undefined : this.#groups.get(name)
    if (name === null || !group) return
    group.delete(key)
    if (group.size === 0) this.#groups.delete(name)
  }
}
