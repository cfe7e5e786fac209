import type { DatabaseSync } from 'node:sqlite'
import { GatewayError } from '../../errors.ts'
import { rowSum } from './row-sum.ts'
import type { Columns, StoredTable } from './table.ts'

/** How a table lies on disk: its key, the columns of its rows, and the checksum of both. */
export function createStatement({ name, columns }: StoredTable): string {
  return `CREATE TABLE ${name} (key TEXT PRIMARY KEY, ${columns.join(', ')}, sum INTEGER NOT NULL)`
}

export function columnNames({ columns }: StoredTable): readonly string[] {
  return columns.map((column) => column.split(' ')[0] ?? '')
}

/** Which of the tables are there. Throws `data_unusable` for a database that SQLite finds damaged, or with other tables than ours. */
export function existingTables(database: DatabaseSync, file: string, tables: readonly StoredTable[]): readonly StoredTable[] {
  const [problem] = database.prepare('PRAGMA integrity_check(1)').all()
  if (problem?.['integrity_check'] !== 'ok') throw damaged(file, String(problem?.['integrity_check']))
  const wanted = new Map(tables.map((table) => [table.name, table]))
  const found = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").all()
  return found.map(({ name, sql }) => {
    const table = wanted.get(String(name))
    if (!table || sql !== createStatement(table)) throw damaged(file, `it has a table ${String(sql)}`)
    return table
  })
}

/** The rows of a table, each one checked. Throws `data_unusable` at the first that is not what was written. */
export function* verifiedRows(database: DatabaseSync, file: string, table: StoredTable): Generator<Columns> {
  const names = columnNames(table)
  const all = database.prepare(`SELECT * FROM ${table.name}`)
  all.setReadBigInts(true)
  for (const row of all.iterate() as Iterable<Columns>) {
    const values = names.map((name) => row[name] ?? null)
    if (BigInt(rowSum(String(row['key']), values)) !== row['sum'])
      throw damaged(file, `the row ${JSON.stringify(row['key'])} of table ${table.name} does not match its checksum`)
    yield row
  }
}

export function damaged(file: string, what: string): GatewayError {
  return new GatewayError(
    'data_unusable',
    `${file} is damaged (${what}); it was left as it is: move it away and restore a backup, or name another data folder`,
  )
}
