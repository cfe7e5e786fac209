import { GatewayError } from '../errors.ts'
import { exportText } from '../registry/export-text.ts'

/** One entry of KV as it goes into a file. */
export interface KvEntry {
  readonly key: string
  /** uint64. */
  readonly flags: bigint
  readonly value: Buffer
}

/** Writes an answer of `/v1/kv/…?recurse` as `consul kv export` prints it. */
export function formatExport(answer: string): string {
  const rows = parseExact(answer) as { readonly Key: string; readonly Flags: bigint; readonly Value: string | null }[]
  return exportText(rows.map(({ Key, Flags, Value }) => ({ key: Key, flags: Flags, value: Buffer.from(Value ?? '', 'base64') })))
}

/** Reads a file of `consul kv export`. Throws `file_unusable` saying which entry is wrong. */
export function parseExport(text: string, file: string): readonly KvEntry[] {
  const rows = parsed(text, file)
  if (!Array.isArray(rows)) throw unusable(file, 'it is not a list of entries')
  return rows.map((row: unknown, at) => entryOf(row, file, at))
}

function entryOf(row: unknown, file: string, at: number): KvEntry {
  const { key, flags = 0n, value = '' } = (row ?? {}) as Record<string, unknown>
  if (typeof key !== 'string' || key === '') throw unusable(file, `entry ${at + 1} has no key`)
  if (typeof flags !== 'bigint' || flags < 0n || flags >= 2n ** 64n) throw unusable(file, `the flags of "${key}" are no uint64`)
  if (typeof value !== 'string' || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value))
    throw unusable(file, `the value of "${key}" is not base64`)
  return { key, flags, value: Buffer.from(value, 'base64') }
}

function parsed(text: string, file: string): unknown {
  try {
    return parseExact(text)
  } catch (error) {
    throw new GatewayError('file_unusable', `${file} is not an export of KV: it is not JSON`, { cause: error })
  }
}

/** JSON with its integers as bigint: flags go up to 2^64 and a double would change them. */
function parseExact(text: string): unknown {
  return JSON.parse(text, exactInteger)
}

function exactInteger(_: string, value: unknown, { source = '' }: { readonly source?: string } = {}): unknown {
  return typeof value === 'number' && /^-?\d+$/.test(source) ? BigInt(source) : value
}

function unusable(file: string, what: string): GatewayError {
  return new GatewayError('file_unusable', `${file} is not an export of KV: ${what}`)
}
