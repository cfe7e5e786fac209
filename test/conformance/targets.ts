import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { silentLogger } from '../../src/logging.ts'
import { startRegistryServer } from '../../src/registry-server/server.ts'
import { consulSkip, startConsul } from './consul.ts'

/** A registry that the recorded calls are played against. */
export interface Target {
  readonly name: string
  readonly skip: string | false
  readonly isConsul: boolean
  readonly open: () => Promise<{ readonly port: number; close(): Promise<void> }>
}

export const targets: readonly Target[] = [
  { name: 'the embedded registry in memory', skip: false, isConsul: false, open: () => openEmbedded(null) },
  { name: 'the embedded registry with a data folder', skip: false, isConsul: false, open: openOnDisk },
  { name: 'the real Consul', skip: consulSkip(), isConsul: true, open: startConsul },
]

async function openEmbedded(data: string | null): Promise<{ port: number; close: () => Promise<void> }> {
  const server = await startRegistryServer({
    http: { host: '127.0.0.1', port: 0 },
    data,
    node: 'n1',
    datacenter: 'dc1',
    enableScripts: true,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
  return { port: server.address.port, close: () => server.close() }
}

async function openOnDisk(): Promise<{ port: number; close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'registry-'))
  const opened = await openEmbedded(folder)
  const close = async (): Promise<void> => {
    await opened.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { ...opened, close }
}
