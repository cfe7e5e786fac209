import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApp } from '../../src/app.ts'
import { formatAddress } from '../../src/address.ts'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { parseFile } from '../../src/config/file.ts'
import { silentLogger } from '../../src/logging.ts'
import { until } from './until.ts'

/** A whole gateway in the process of the test: one of several replicas costs no process. */
export interface AppHere {
  readonly port: number
  /** `http://127.0.0.1:port` of the front listener. */
  readonly web: string
  /** `host:port` of the admin API, as `--admin` takes it. */
  readonly adminAddress: string
  ask<T>(path: string): Promise<T>
  /** Has it serve by another config file. */
  rewrite(config: string): Promise<void>
  stop(): Promise<void>
}

/** Starts one and waits until it is ready. `registry`: `http://host:port` of a Consul. The caller stops it. */
export async function startAppHere(registry: string, config: string): Promise<AppHere> {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-here-'))
  const fileName = join(folder, 'gateway.yaml')
  const textWith = (rest: string): string =>
    [
      'listeners: { web: { bind: "127.0.0.1:0" } }',
      'admin: { bind: "127.0.0.1:0" }',
      `registry: { consul: { address: "${registry}", state: off } }`,
      'shutdown: { grace: 0ms, drain: 1s }',
      rest,
    ].join('\n')
  const text = textWith(config)
  await writeFile(fileName, text)
  const file = parseFile(text, fileName, { env: {} })
  const common = { env: {}, clock: systemClock, random: systemRandom, logger: silentLogger, relay: () => {} }
  const app = await startApp({ fileName, text, file, ...common })
  const port = app.listeners.get('web')?.port ?? 0
  const adminAddress = formatAddress(app.admin)
  const stop = async (): Promise<void> => {
    await app.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until('it is ready', async () => (await fetch(`http://${adminAddress}/readyz`)).ok)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    port,
    web: `http://127.0.0.1:${port}`,
    adminAddress,
    ask: async <T>(path: string) => (await (await fetch(`http://${adminAddress}${path}`)).json()) as T,
    rewrite: async (rest) => {
      await writeFile(fileName, textWith(rest))
      await app.reload()
    },
    stop,
  }
}
