import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { Groups } from './groups.ts'
import { SortedMap } from './sorted-map.ts'

export type Columns = Readonly<Record<string, SQLOutputValue>>

/** How rows of one table lie on disk, besides their key. */
export interface Codec<Row> {
  /** Column definitions: `value BLOB`. The first word is the name. */
  readonly columns: readonly string[]
  encode(row: Row): SQLInputValue[]
  decode(columns: Columns, key: string): Row
}

/** One row set or removed: applied in memory already, to be written to disk, or to be undone. */
export interface Change {
  readonly table: string
  readonly key: string
  readonly removed: boolean
  /** The column values of the new row. */
  encode(): SQLInputValue[]
  undo(): void
}

/** What the journal needs of a table. */
export interface StoredTable {
  readonly name: string
  readonly columns: readonly string[]
  load(rows: Iterable<Columns>): void
  dump(): readonly StoredRow[]
  replaceAll(rows: readonly Columns[]): readonly Change[]
}

/** A row as it goes to disk. It is encoded when somebody asks: rows do not change. */
export interface StoredRow {
  readonly table: string
  readonly key: string
  encode(): SQLInputValue[]
}

/** Rows by key, in memory, in key order, with one grouping of their own and those of others that want to be kept. It changes only through {@link Table.replace}. */
export class Table<Row> implements StoredTable {
  readonly name: string
  readonly #codec: Codec<Row>
  readonly #rows = new SortedMap<Row>()
  readonly #own: Groups<Row>
  readonly #groupings: readonly Groups<Row>[]

  constructor(name: string, codec: Codec<Row>, groupOf?: (row: Row) => string | null, others: readonly Groups<Row>[] = []) {
    this.name = name
    this.#codec = codec
    this.#own = new Groups(groupOf ?? (() => null))
    this.#groupings = groupOf ? [this.#own, ...others] : others
  }

  get columns(): readonly string[] {
    return this.#codec.columns
  }

  get size(): number {
    return this.#rows.size
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key)
  }

  /** All rows whose key starts with `prefix`, in key order. */
  withPrefix(prefix: string): Iterable<Row> {
    return this.#rows.withPrefix(prefix)
  }

  /** The rows of one group, in key order. */
  group(name: string): readonly Row[] {
    return this.#own.rows(name)
  }

  hasGroup(name: string): boolean {
    return this.#own.has(name)
  }

  load(rows: Iterable<Columns>): void {
    const entries: [string, Row][] = []
    for (const columns of rows) {
      const key = String(columns['key'])
      const row = this.#codec.decode(columns, key)
      entries.push([key, row])
      for (const groups of this.#groupings) groups.enter(key, row)
    }
    this.#rows.load(entries)
  }

  /** Sets (or, with undefined, removes) a row and tells how to write and how to undo it. */
  replace(key: string, row: Row | undefined): Change {
    const before = this.#rows.get(key)
    this.#put(key, before, row)
    return {
      table: this.name,
      key,
      removed: row === undefined,
      encode: () => (row === undefined ? [] : this.#codec.encode(row)),
      undo: () => this.#put(key, row, before),
    }
  }

  /** All rows as of now. */
  dump(): readonly StoredRow[] {
    return Array.from(this.#rows.entries(), ([key, row]) => ({ table: this.name, key, encode: () => this.#codec.encode(row) }))
  }

  /** Puts these rows in the place of all that there are. Throws what decoding throws, having changed nothing. */
  replaceAll(rows: readonly Columns[]): readonly Change[] {
    const wanted = new Map(rows.map((columns) => [String(columns['key']), this.#codec.decode(columns, String(columns['key']))]))
    const gone = Array.from(this.#rows.entries(), ([key]) => key).filter((key) => !wanted.has(key))
    return [...gone.map((key) => this.replace(key, undefined)), ...Array.from(wanted, ([key, row]) => this.replace(key, row))]
  }

  #put(key: string, before: Row | undefined, after: Row | undefined): void {
    if (before !== undefined) for (const groups of this.#groupings) groups.leave(key, before)
    if (after === undefined) return this.#rows.delete(key)
    this.#rows.set(key, after)
    for (const groups of this.#groupings) groups.enter(key, after)
  }
}
