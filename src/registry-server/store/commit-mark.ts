import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { systemCodeOf } from '../../errors.ts'

/**
 * A file that says up to which index writes were acknowledged. SQLite takes a log with a damaged frame for one that ends there, and so
 * would lose writes in silence; a state that is older than this mark gives that away. It is not synced: what it says is true, and a
 * power failure may only make it say less. Its owner closes it.
 */
export class CommitMark {
  readonly #descriptor: number

  private constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** Opens the file or makes it with this index. Throws what the file system throws. */
  static open(file: string, index: bigint): CommitMark {
    closeSync(openSync(file, 'a', 0o600))
    const mark = new CommitMark(openSync(file, 'r+'))
    mark.move(index)
    return mark
  }

  /** The index that the file names; null: there is no file, or nothing in it that makes sense. */
  static read(file: string): bigint | null {
    try {
      const [index = '', sum = ''] = readFileSync(file, 'latin1').trim().split(' ')
      return /^\d{20}$/.test(index) && sum === sumOf(index) ? BigInt(index) : null
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return null
      throw error
    }
  }

  /** Overwrites the file in place: its length never changes, so a full disk does not hinder it. */
  move(index: bigint): void {
    const digits = index.toString().padStart(20, '0')
    writeSync(this.#descriptor, `${digits} ${sumOf(digits)}\n`, 0)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

function sumOf(digits: string): string {
  return crc32(digits).toString(16).padStart(8, '0')
}
