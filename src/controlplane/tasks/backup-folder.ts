import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { GatewayError, messageOf, systemCodeOf } from '../../errors.ts'
import { exportText } from '../../registry/export-text.ts'
import type { Registry } from '../../registry/registry.ts'

/** As fires are named. A folder that is called otherwise is not ours. */
const backupName = /^\d{8}T\d{6}(\.\d{3})?Z$/
const PARTIAL = '.partial-'
/** Of our keys, those that hold config; the lock, records and what replicas tell are of the moment. */
const CONFIG_FOLDERS = ['routes/', 'upstreams/', 'tasks/', 'splits/', 'config/']

export interface BackupSource {
  readonly registry: Pick<Registry, 'kv' | 'snapshot'>
  readonly prefix: string
  readonly configFile: string
  readonly signal: AbortSignal
}

/**
 * Writes a backup beside its place and moves it there when it is whole and on disk; one of a former attempt is replaced. What is being
 * written has a name of its own: an attempt that was cut may not have ended yet, here or on the machine of a leader of yesterday.
 */
export async function writeBackup(
  folder: string,
  { registry, prefix, configFile, signal }: BackupSource,
): Promise<{ readonly folder: string; readonly bytes: number }> {
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
  await removePartial(dirname(folder))
  const partial = await mkdtemp(`${folder}${PARTIAL}`)
  try {
    const snapshot = join(partial, 'registry.snap')
    await pipeline(await registry.snapshot(signal), createWriteStream(snapshot, { mode: 0o600 }), { signal })
    await requireWhole(snapshot, signal)
    await writeFile(join(partial, 'gateway.yaml'), await readFile(configFile), { mode: 0o600 })
    await writeFile(join(partial, 'config.json'), await exportConfig(registry, prefix), { mode: 0o600 })
    const bytes = await syncAll(partial)
    signal.throwIfAborted()
    await rm(folder, { recursive: true, force: true })
    await rename(partial, folder)
    await sync(dirname(folder))
    return { folder, bytes }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** The backups of a task, the latest first. */
export async function backupsIn(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder)
  return names
    .filter((name) => backupName.test(name))
    .toSorted()
    .toReversed()
}

export async function removeBackups(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(join(folder, name), { recursive: true, force: true })
}

/** What a gateway that died has left; an attempt that still writes there fails. */
async function removePartial(folder: string): Promise<void> {
  const names = await namesIn(folder)
  const left = names.filter((name) => name.includes(PARTIAL) && backupName.test(name.slice(0, name.indexOf(PARTIAL))))
  await removeBackups(folder, left)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** A snapshot is gzip, whose end has a checksum: one that was cut on the way does not pass for a backup. */
async function requireWhole(snapshot: string, signal: AbortSignal): Promise<void> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  try {
    await pipeline(createReadStream(snapshot), createGunzip(), nowhere, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw new GatewayError('registry_protocol', `the snapshot of the registry is not whole: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** What `meshgate registry import` and `consul kv import` take. */
async function exportConfig({ kv }: BackupSource['registry'], prefix: string): Promise<string> {
  const lists = await Promise.all(CONFIG_FOLDERS.map((folder) => kv.list(`${prefix}/${folder}`)))
  return exportText(lists.flat())
}

async function syncAll(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder)) {
    await sync(join(folder, name))
    bytes += (await stat(join(folder, name))).size
  }
  await sync(folder)
  return bytes
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
