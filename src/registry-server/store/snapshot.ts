import { Refusal } from '../refusal.ts'
import type { State, Transaction } from './state.ts'
import type { Columns, StoredRow } from './table.ts'

/** The first line of a snapshot's state: which program wrote it, and in which format. */
const header = { format: 'meshgate-registry', version: 1 } as const
const rowsPerTurn = 1000

/** Writes all that the registry knows, as of this moment, one row a line. It gives way to other work between rows. */
export async function writeState(state: State): Promise<Buffer> {
  const rows = state.tables.flatMap((table) => table.dump())
  const parts = [Buffer.from(`${JSON.stringify(header)}\n`)]
  for (let at = 0; at < rows.length; at += rowsPerTurn) {
    parts.push(
      Buffer.from(
        rows
          .slice(at, at + rowsPerTurn)
          .map(lineOf)
          .join(''),
      ),
    )
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return Buffer.concat(parts)
}

/** A snapshot's rows by table, ready to take the place of the state. */
export type Snapshot = ReadonlyMap<string, readonly Columns[]>

/** Reads what {@link writeState} wrote. Refuses (500) anything else. */
export async function readState(content: Buffer, tables: State['tables']): Promise<Snapshot> {
  const columnsOf = new Map(tables.map((table) => [table.name, table.columns.map((column) => column.split(' ')[0] ?? '')]))
  const snapshot = new Map(tables.map(({ name }) => [name, [] as Columns[]]))
  let isFirst = true
  let count = 0
  for (const line of linesOf(content)) {
    if (isFirst) requireHeader(line)
    else addRow(line, { columnsOf, snapshot })
    isFirst = false
    if (++count % rowsPerTurn === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  if (isFirst) throw unusable('it is empty')
  return snapshot
}

/**
 * Puts a snapshot in the place of everything. Indexes go on from the greater of both counters, so that none is handed out twice; every
 * named one moves, for every table is new.
 */
export function restoreState(transaction: Transaction, snapshot: Snapshot): void {
  const { state } = transaction
  const before = state.index('last')
  const known = Array.from(state.indexes.dump(), ({ key }) => key)
  for (const table of state.tables) {
    const rows = snapshot.get(table.name)
    // Lock-delays are of now: who lost a lock a moment ago may still act on it.
    if (rows && table !== state.lockDelays.rows) transaction.adopt(table.replaceAll(rows))
  }
  const restored = state.index('last')
  const next = (before > restored ? before : restored) + 1n
  const kept = new Set([
    ...Array.from(state.indexes.dump(), ({ key }) => key),
    ...known.filter((key) => !/^(?:service|connect):/.test(key)),
  ])
  for (const name of ['last', 'kvs', 'sessions', 'nodes', 'services', 'checks', 'restored', ...kept]) {
    transaction.put(state.indexes, name, next)
    transaction.topics.add(name)
  }
}

function lineOf(row: StoredRow): string {
  const values = row.encode().map((value) => {
    if (typeof value === 'bigint') return { n: value.toString() }
    return value instanceof Uint8Array ? { b: Buffer.from(value).toString('base64') } : value
  })
  return `${JSON.stringify([row.table, row.key, ...values])}\n`
}

function* linesOf(content: Buffer): Generator<string> {
  for (let start = 0; start < content.length;) {
    const end = content.indexOf(10, start)
    if (end < 0) throw unusable('its last line is cut off')
    yield content.toString('utf8', start, end)
    start = end + 1
  }
}

function requireHeader(line: string): void {
  const { format, version } = parse(line) as { format?: unknown; version?: unknown }
  if (format !== header.format) throw unusable('another program wrote it')
  if (version !== header.version) throw unusable(`its format is ${String(version)}, and ${header.version} is the newest known`)
}

interface RowTarget {
  readonly columnsOf: ReadonlyMap<string, readonly string[]>
  readonly snapshot: ReadonlyMap<string, Columns[]>
}

function addRow(line: string, { columnsOf, snapshot }: RowTarget): void {
  const [table, key, ...values] = parse(line) as [string, string, ...unknown[]]
  const names = columnsOf.get(table)
  if (!names || names.length !== values.length) throw unusable(`it has a row that does not fit table ${JSON.stringify(table)}`)
  const columns = Object.fromEntries(names.map((name, at) => [name, valueOf(values[at])]))
  snapshot.get(table)?.push({ ...columns, key })
}

function valueOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('n' in value) return BigInt(value.n as string)
  return 'b' in value ? Buffer.from(value.b as string, 'base64') : value
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // The reason is in the refusal.
    throw unusable('it has a line that cannot be read')
  }
}

function unusable(reason: string): Refusal {
  return new Refusal(500, `failed to read snapshot file: the state cannot be used: ${reason}`)
}
