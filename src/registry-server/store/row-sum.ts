import type { SQLInputValue } from 'node:sqlite'
import { crc32 } from 'node:zlib'

/** The checksum of a row, over its key and its values in the order of their columns: SQLite keeps none over what is in its pages. */
export function rowSum(key: string, values: readonly SQLInputValue[]): number {
  let sum = crc32(key)
  for (const value of values)
    sum = crc32(value instanceof Uint8Array ? value : `\n${value as string | number | bigint | null}`, sum)
  return sum
}
