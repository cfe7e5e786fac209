import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { GatewayError, messageOf } from '../../errors.ts'
import { CommitMark } from './commit-mark.ts'
import { FolderLock } from './folder-lock.ts'
import { rowSum } from './row-sum.ts'
import { columnNames, createStatement, damaged, existingTables, verifiedRows } from './stored-tables.ts'
import type { Change, StoredTable } from './table.ts'

const schemaVersion = 2
// 16 MiB of log between two moves into the file: pages that are written all the time are then moved once.
const checkpointPages = 4096
/** SQLite's result codes that a person can do something about. */
const sqliteBusy = 5

interface Statements {
  readonly put: StatementSync
  readonly remove: StatementSync
}

/** What is open once the journal has been loaded. */
interface Opened {
  readonly database: DatabaseSync
  readonly mark: CommitMark
  readonly statements: ReadonlyMap<string, Statements>
}

/**
 * The state on disk: one SQLite file in a folder that this process has for itself. It is loaded once, before anything else. The opener
 * closes it.
 */
export class Journal {
  readonly #folder: string
  readonly #lock: FolderLock
  #opened: Opened | null = null

  private constructor(folder: string, lock: FolderLock) {
    this.#folder = folder
    this.#lock = lock
  }

  /** Takes or creates the data folder. Throws `data_locked` when a living process has it and `data_unusable` when it is of no use. */
  static open(folder: string): Journal {
    makeFolder(folder)
    return new Journal(folder, FolderLock.take(folder))
  }

  /**
   * Fills the tables with what is on disk, having checked all of it, and only then opens it for writing. Throws `data_unusable` for a
   * database that is damaged or of a newer version, which stays as it is, and `data_locked`; then the journal is closed.
   */
  load(tables: readonly StoredTable[]): void {
    const file = join(this.#folder, 'registry.db')
    try {
      if (!existsSync(file)) requireUnused(this.#folder, file)
      const last = existsSync(file) ? read(this.#folder, file, tables) : 0n
      this.#opened = openForWriting(this.#folder, file, tables, last)
    } catch (error) {
      this.#lock.release()
      throw error instanceof GatewayError ? error : refusal(error, this.#folder, file)
    }
  }

  /** Writes the changes in one transaction; they are on disk when it returns. Of several changes of one row the last one counts. */
  commit(changes: readonly Change[]): void {
    if (!this.#opened) throw new GatewayError('internal', 'the journal was not loaded')
    const { database, mark, statements } = this.#opened
    const newest = new Map(changes.map((change) => [`${change.table} ${change.key}`, change]))
    database.exec('BEGIN')
    try {
      for (const change of newest.values()) write(statements, change)
      database.exec('COMMIT')
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
    const [last] = newest.get('indexes last')?.encode() ?? []
    if (typeof last === 'bigint') mark.move(last)
  }

  close(): void {
    this.#opened?.mark.close()
    this.#opened?.database.close()
    this.#opened = null
    this.#lock.release()
  }
}

/** Throws `data_unusable` for a folder whose database has gone: what was acknowledged is not forgotten in silence. */
function requireUnused(folder: string, file: string): void {
  const mark = join(folder, 'registry.mark')
  if ((CommitMark.read(mark) ?? 0n) === 0n) return
  const [what, how] = [
    `${file} is missing, and ${mark} says that there were writes`,
    'put the file back, with its -wal if there is one',
  ]
  throw new GatewayError(
    'data_unusable',
    `${what}: ${how}, or remove the mark to start empty (then "meshgate registry restore FILE" brings a backup back)`,
  )
}

/** Fills the tables without touching the file; gives the last index that was handed out. */
function read(folder: string, file: string, tables: readonly StoredTable[]): bigint {
  // Read-only: closing a connection that may write would move the log into the file, also when both are damaged.
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    requireVersion(database, file)
    for (const table of existingTables(database, file, tables)) table.load(verifiedRows(database, file, table))
    const last = lastIndex(database)
    const acknowledged = CommitMark.read(join(folder, 'registry.mark')) ?? 0n
    if (last < acknowledged)
      throw damaged(`${file}-wal`, `writes up to index ${acknowledged} were acknowledged and it ends with ${last}`)
    return last
  } finally {
    database.close()
  }
}

function requireVersion(database: DatabaseSync, file: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > schemaVersion) {
    throw new GatewayError(
      'data_unusable',
      `${file} was written by a newer version (format ${version}, this one reads up to ${schemaVersion}): run that version or name another data folder`,
    )
  }
  // 0: SQLite made the file and we had no time to write into it.
  const isEmpty = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables'] === 0
  if (version === schemaVersion || isEmpty) return
  if (version === 0) throw damaged(file, 'it names no format')
  throw new GatewayError(
    'data_unusable',
    `${file} has format ${version}, from before the first release; this version reads ${schemaVersion}: name another data folder`,
  )
}

function lastIndex(database: DatabaseSync): bigint {
  const has = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'indexes'").get()
  if (!has) return 0n
  const query = database.prepare("SELECT value FROM indexes WHERE key = 'last'")
  query.setReadBigInts(true)
  return (query.get()?.['value'] ?? 0n) as bigint
}

function openForWriting(folder: string, file: string, tables: readonly StoredTable[], last: bigint): Opened {
  const database = new DatabaseSync(file)
  try {
    // EXCLUSIVE makes SQLite hold the file's lock for good: two processes that race for a stale folder lock cannot both get past it.
    database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE')
    for (const table of tables) database.exec(createStatement(table).replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS'))
    database.exec(`PRAGMA user_version = ${schemaVersion}; COMMIT`)
    const statements = new Map(tables.map((table) => [table.name, prepare(database, table)]))
    return { database, statements, mark: CommitMark.open(join(folder, 'registry.mark'), last) }
  } catch (error) {
    database.close()
    throw error
  }
}

function prepare(database: DatabaseSync, table: StoredTable): Statements {
  const names = ['key', ...columnNames(table), 'sum']
  const marks = names.map(() => '?').join(', ')
  const updates = names
    .slice(1)
    .map((name) => `${name} = excluded.${name}`)
    .join(', ')
  return {
    // Not INSERT OR REPLACE: that gives the row a new place in the file, and its place in the index too.
    put: database.prepare(
      `INSERT INTO ${table.name} (${names.join(', ')}) VALUES (${marks}) ON CONFLICT (key) DO UPDATE SET ${updates}`,
    ),
    remove: database.prepare(`DELETE FROM ${table.name} WHERE key = ?`),
  }
}

function write(statements: ReadonlyMap<string, Statements>, change: Change): void {
  const { put, remove } = statements.get(change.table) ?? {}
  if (!put || !remove) throw new GatewayError('internal', `table "${change.table}" was not loaded`)
  if (change.removed) return void remove.run(change.key)
  const values = change.encode()
  put.run(change.key, ...values, rowSum(change.key, values))
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const what = `data folder ${folder} cannot be created: choose a folder that this user may write to`
    throw new GatewayError('data_unusable', what, { cause: error })
  }
}

function refusal(error: unknown, folder: string, file: string): GatewayError {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  if (code === sqliteBusy) {
    const what = `data folder ${folder} is in use by another process: stop it or name another folder`
    return new GatewayError('data_locked', what, { cause: error })
  }
  const what = `${file} cannot be used (${messageOf(error)}): move it away, restore a backup, or name another data folder`
  return new GatewayError('data_unusable', what, { cause: error })
}
