import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { GatewayError, messageOf } from '../../errors.ts'
import { FolderLock } from './folder-lock.ts'
import type { Change, Columns, StoredTable } from './table.ts'

const schemaVersion = 1
/** SQLite's result codes that a person can do something about. */
const sqliteBusy = 5

interface Statements {
  readonly put: StatementSync
  readonly remove: StatementSync
}

/** The state on disk: one SQLite file in a folder that this process has for itself. The opener closes it. */
export class Journal {
  readonly #database: DatabaseSync
  readonly #lock: FolderLock
  readonly #statements = new Map<string, Statements>()

  private constructor(database: DatabaseSync, lock: FolderLock) {
    this.#database = database
    this.#lock = lock
  }

  /** Opens or creates the data folder. Throws `data_locked` when a living process has it and `data_unusable` when it is of no use. */
  static open(folder: string): Journal {
    makeFolder(folder)
    const lock = FolderLock.take(folder)
    try {
      return new Journal(openDatabase(folder), lock)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** Creates what is missing of the tables and fills them. */
  load(tables: readonly StoredTable[]): void {
    for (const table of tables) {
      const names = table.columns.map((column) => column.split(' ')[0])
      this.#database.exec(`CREATE TABLE IF NOT EXISTS ${table.name} (key TEXT PRIMARY KEY, ${table.columns.join(', ')})`)
      const marks = names.map(() => '?').join(', ')
      this.#statements.set(table.name, {
        put: this.#database.prepare(`INSERT OR REPLACE INTO ${table.name} (key, ${names.join(', ')}) VALUES (?, ${marks})`),
        remove: this.#database.prepare(`DELETE FROM ${table.name} WHERE key = ?`),
      })
      const all = this.#database.prepare(`SELECT * FROM ${table.name}`)
      all.setReadBigInts(true)
      table.load(all.iterate() as Iterable<Columns>)
    }
  }

  /** Writes the changes in one transaction; they are on disk when it returns. */
  commit(changes: readonly Change[]): void {
    this.#database.exec('BEGIN')
    try {
      for (const change of changes) this.#write(change)
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  close(): void {
    this.#database.close()
    this.#lock.release()
  }

  #write(change: Change): void {
    const statements = this.#statements.get(change.table)
    if (!statements) throw new GatewayError('internal', `table "${change.table}" was not loaded`)
    if (change.removed) statements.remove.run(change.key)
    else statements.put.run(change.key, ...change.encode())
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new GatewayError(
      'data_unusable',
      `data folder ${folder} cannot be created: choose a folder that this user may write to`,
      {
        cause: error,
      },
    )
  }
}

function openDatabase(folder: string): DatabaseSync {
  const file = join(folder, 'registry.db')
  try {
    const database = new DatabaseSync(file)
    try {
      prepare(database, file)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    throw error instanceof GatewayError ? error : refusal(error, folder, file)
  }
}

function prepare(database: DatabaseSync, file: string): void {
  // EXCLUSIVE makes SQLite hold the file's lock for good: two processes that race for a stale folder lock cannot both get past it.
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT')
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > schemaVersion) {
    throw new GatewayError(
      'data_unusable',
      `${file} was written by a newer version (format ${version}, this one reads up to ${schemaVersion}): run that version or name another data folder`,
    )
  }
  database.exec(`PRAGMA user_version = ${schemaVersion}`)
}

function refusal(error: unknown, folder: string, file: string): GatewayError {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  if (code === sqliteBusy) {
    return new GatewayError('data_locked', `data folder ${folder} is in use by another process: stop it or name another folder`, {
      cause: error,
    })
  }
  return new GatewayError(
    'data_unusable',
    `${file} cannot be used (${messageOf(error)}): move it away, restore a backup, or name another data folder`,
    {
      cause: error,
    },
  )
}
