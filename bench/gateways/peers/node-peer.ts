import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Peer } from '../peer.ts'
import { peersFolder } from '../programs.ts'

const fromPeers = createRequire(join(peersFolder, 'npm/package.json'))

/** A gateway on Node in a script of ours, called with the port and the services' ports. */
export function nodePeer(script: string, packageName: string, hasWebSocket: boolean): Peer {
  return {
    version: () => `${packageName} ${versionOf(packageName)}`,
    mostRoutes: 1,
    hasWebSocket,
    command: ({ port, services }) => [
      process.execPath,
      fileURLToPath(new URL(script, import.meta.url)),
      String(port),
      ...services.map(String),
    ],
  }
}

/** One of the packages that `scripts/install-peers.sh` brings. */
export function peerPackage(name: string): unknown {
  return fromPeers(name)
}

function versionOf(packageName: string): string {
  const own = createRequire(import.meta.url)
  for (const load of [own, fromPeers]) {
    try {
      return (load(`${packageName}/package.json`) as { version: string }).version
    } catch (error) {
      // Packages that export nothing but their code are there too.
      if ((error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return ''
    }
  }
  throw new Error(`there is no ${packageName}: run sh scripts/install-peers.sh`)
}
