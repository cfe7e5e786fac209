import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where `scripts/install-peers.sh` puts what the machine lacks. */
export const peersFolder = process.env['MESHGATE_PEERS'] ?? fileURLToPath(new URL('../../.peers', import.meta.url))

/** For programs from there. */
export const libraryPath = join(peersFolder, 'usr/lib/x86_64-linux-gnu')

/** Path of a program, from the PATH, the system's folder, or ours. Throws if there is none. */
export function programOf(name: string): string {
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/sbin',
    join(peersFolder, 'usr/sbin'),
    join(peersFolder, 'usr/bin'),
  ]
  const found = folders.map((folder) => join(folder, name)).find(existsSync)
  if (found === undefined) throw new Error(`there is no ${name}: run sh scripts/install-peers.sh`)
  return found
}

/** What a program says about its version, on one line or the other. */
export function versionOf(program: string, args: readonly string[]): string {
  const printed = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', programOf(program), ...args], {
    encoding: 'utf8',
    env: { ...process.env, LD_LIBRARY_PATH: libraryPath },
  })
  return /\d+\.\d+(\.\d+)*/.exec(printed)?.[0] ?? 'of unknown version'
}
