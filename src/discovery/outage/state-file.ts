import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCodeOf } from '../../errors.ts'

/** Grows when the records change so that an older meshgate would misread them. */
const VERSION = 1
/** More than any registry that we watch would fill; a longer file is not ours. */
const MAX_BYTES = 256 * 1024 * 1024

/** What a file held: its records, one text each, and when the registry confirmed them last. */
export interface StoredRecords {
  readonly lines: readonly string[]
  /** Wall ms. */
  readonly confirmedAt: number
}

/** What came of reading: the records; null: there is no file; or why it is no good. */
export type StateFileContent = StoredRecords | { readonly damage: string } | null

/**
 * Reads a state file; a damaged one is told, never thrown. The first line has the version and the checksum of the rest; the time of the
 * file is that of the last confirmation, so that confirming costs no write.
 */
export async function readStateFile(file: string): Promise<StateFileContent> {
  try {
    const { size, mtimeMs } = await stat(file)
    if (size > MAX_BYTES) return { damage: `it has ${size} bytes, at most ${MAX_BYTES} are read` }
    const text = await readFile(file, 'utf8')
    const headEnd = text.indexOf('\n')
    const body = text.slice(headEnd + 1)
    const damage = headDamage(text.slice(0, Math.max(headEnd, 0)), body)
    return damage === null ? { lines: body === '' ? [] : body.split('\n'), confirmedAt: mtimeMs } : { damage }
  } catch (error) {
    const code = systemCodeOf(error)
    return code === 'ENOENT' ? null : { damage: `it cannot be read: ${code ?? String(error)}` }
  }
}

/** Replaces a state file whole: a crash leaves the old one or the new one. Its owner alone may read it. Throws what the disk says. */
export async function writeStateFile(file: string, lines: readonly string[]): Promise<void> {
  const folder = dirname(file)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const body = lines.join('\n')
  const fresh = `${file}.${process.pid}.tmp`
  try {
    const handle = await open(fresh, 'w', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify({ meshgate: 'state', version: VERSION, sha256: checksum(body) })}\n${body}`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(fresh, file)
    await syncFolder(folder)
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {})
    throw error
  }
}

/** Notes that the registry still says what the file has. */
export async function confirmStateFile(file: string, confirmedAt: number): Promise<void> {
  await utimes(file, confirmedAt / 1000, confirmedAt / 1000)
}

/** The file of one gateway in the folder: two that share a folder, or one that is pointed at another registry, do not mix. */
export function stateFileName(folder: string, identity: readonly string[]): string {
  const id = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 12)
  return join(folder, `last-good-${id}.state`)
}

function headDamage(head: string, body: string): string | null {
  let found: { meshgate?: unknown; version?: unknown; sha256?: unknown }
  try {
    found = JSON.parse(head) as typeof found
  } catch {
    return 'its first line is not that of a state file'
  }
  if (found?.meshgate !== 'state') return 'its first line is not that of a state file'
  if (found.version !== VERSION) return `it is of version ${String(found.version)}, this meshgate reads ${VERSION}`
  return found.sha256 === checksum(body) ? null : 'its checksum does not match'
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}

/** Makes the rename last; not every file system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().catch(() => {})
  await handle.close()
}
