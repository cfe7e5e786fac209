import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError, systemCodeOf } from '../../errors.ts'

interface Holder {
  readonly pid: number
  /** Start time of the process in the kernel's ticks, so that a reused pid is not taken for the holder; null where /proc is missing. */
  readonly started: string | null
}

/** A file that says which process has the folder. It is there for people: the lock that counts is SQLite's on the database. */
export class FolderLock {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /** Takes the folder, also from a process that is gone. Throws `data_locked` naming the pid, or `data_unusable` when it cannot write. */
  static take(folder: string): FolderLock {
    const file = join(folder, 'lock')
    const holder = readHolder(file)
    // Our own pid is that of a thread of ours that has died, or SQLite's lock will tell.
    if (holder && holder.pid !== process.pid && isAlive(holder)) {
      throw new GatewayError(
        'data_locked',
        `data folder ${folder} is in use by process ${holder.pid}: stop it or name another folder`,
      )
    }
    try {
      rmSync(file, { force: true })
      const own: Holder = { pid: process.pid, started: startOf(process.pid) }
      writeFileSync(file, JSON.stringify(own), { flag: 'wx' })
    } catch (error) {
      throw takeError(error, folder)
    }
    return new FolderLock(file)
  }

  release(): void {
    rmSync(this.#file, { force: true })
  }
}

function takeError(error: unknown, folder: string): GatewayError {
  if (systemCodeOf(error) === 'EEXIST') {
    return new GatewayError(
      'data_locked',
      `data folder ${folder} was taken by another process at this moment: name another folder`,
      { cause: error },
    )
  }
  return new GatewayError('data_unusable', `data folder ${folder} is not writable: choose another one or change its owner`, {
    cause: error,
  })
}

function readHolder(file: string): Holder | null {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Partial<Holder>
    return typeof found.pid === 'number' ? { pid: found.pid, started: found.started ?? null } : null
  } catch {
    // No file, or one that a crash left half written: nobody holds the folder.
    return null
  }
}

function isAlive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    if (systemCodeOf(error) !== 'EPERM') return false
  }
  const startNow = startOf(pid)
  return started === null || startNow === null || started === startNow
}

function startOf(pid: number): string | null {
  try {
    // proc(5): the name in brackets may hold anything; field 22 is the start time, 20 fields behind it.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    // Not Linux, or the process has just ended.
    return null
  }
}
