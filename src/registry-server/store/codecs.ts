import type { KvRow } from './rows.ts'
import type { Codec } from './table.ts'

/** Rows as JSON text. `exact` names the fields that are uint64 and so do not survive as JSON numbers. */
export function jsonCodec<Row>(...exact: (keyof Row & string)[]): Codec<Row> {
  return {
    columns: ['row TEXT NOT NULL'],
    encode: (row) => [JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))],
    decode: (columns) => {
      const row = JSON.parse(String(columns['row'])) as Record<string, unknown>
      for (const field of exact) row[field] = BigInt(row[field] as string)
      return row as Row
    },
  }
}

export const indexCodec: Codec<bigint> = {
  columns: ['value INTEGER NOT NULL'],
  encode: (value) => [value],
  decode: (columns) => columns['value'] as bigint,
}

/** SQLite's integers are signed: a uint64 is stored as the int64 with the same bits. */
export const kvCodec: Codec<KvRow> = {
  columns: [
    'value BLOB NOT NULL',
    'flags INTEGER NOT NULL',
    'lock_index INTEGER NOT NULL',
    'session TEXT NOT NULL',
    'create_index INTEGER NOT NULL',
    'modify_index INTEGER NOT NULL',
  ],
  encode: (row) => [row.value, BigInt.asIntN(64, row.flags), row.lockIndex, row.session, row.createIndex, row.modifyIndex],
  decode: (columns, key) => ({
    key,
    value: Buffer.from(columns['value'] as Uint8Array),
    flags: BigInt.asUintN(64, columns['flags'] as bigint),
    lockIndex: columns['lock_index'] as bigint,
    session: String(columns['session']),
    createIndex: columns['create_index'] as bigint,
    modifyIndex: columns['modify_index'] as bigint,
  }),
}
