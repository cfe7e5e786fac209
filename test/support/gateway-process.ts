import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, spawnMeshgate, untilReady, type MeshgateProcess } from './meshgate-process.ts'

/** A gateway in a process of its own with a config file of its own. */
export interface GatewayProcess {
  readonly process: MeshgateProcess
  readonly configFile: string
  /** `http://127.0.0.1:port` of the front listener, the mesh listener and the admin API. */
  readonly web: string
  readonly mesh: string
  readonly admin: string
  /** `host:port` of the admin API, as `--admin` takes it. */
  readonly adminAddress: string
  /** Asks the admin API. */
  ask<T = Record<string, unknown>>(path: string): Promise<T>
  /** Ends it with SIGTERM, if it still runs, and removes its folder. */
  stop(): Promise<void>
}

export interface GatewayProcessOptions {
  /** The value of `registry:` in YAML flow style; `{folder}` is replaced by the gateway's folder. */
  readonly registry: string
  /** More of the front listener: `, proxyStatus: reason`. */
  readonly web?: string
  /** More of the config file. */
  readonly config?: string
  /** For so long kept connections are told to end before they are closed, ms. Default 100. */
  readonly graceMs?: number
  /** Beside what this process has. */
  readonly env?: Readonly<Record<string, string>>
  /** Default true. */
  readonly awaitReady?: boolean
}

/** Starts a gateway on free ports. The caller stops it. */
export async function startGatewayProcess({
  registry,
  web: more = '',
  config = '',
  graceMs = 100,
  env = {},
  awaitReady = true,
}: GatewayProcessOptions): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-test-'))
  const [web = 0, mesh = 0, admin = 0] = await freePorts(3)
  const configFile = join(folder, 'gateway.yaml')
  await writeFile(
    configFile,
    [
      `listeners:`,
      `  web: { bind: "127.0.0.1:${web}"${more} }`,
      `  mesh: { bind: "127.0.0.1:${mesh}", mode: mesh }`,
      `admin: { bind: "127.0.0.1:${admin}" }`,
      `registry: ${registry.replace('{folder}', folder)}`,
      `shutdown: { grace: ${graceMs}ms, drain: 5s }`,
      config,
    ].join('\n'),
  )
  // In its folder, so that what it keeps by default is gone with it.
  const process = spawnMeshgate(['run', '--config', configFile], { cwd: folder, env })
  const stop = async (): Promise<void> => {
    await process.end('SIGTERM')
    await rm(folder, { recursive: true, force: true })
  }
  const ask = async <T>(path: string): Promise<T> => (await (await fetch(`http://127.0.0.1:${admin}${path}`)).json()) as T
  const [webUrl, meshUrl, adminUrl] = [web, mesh, admin].map((port) => `http://127.0.0.1:${port}`) as [string, string, string]
  try {
    if (awaitReady) await untilReady(admin, process)
  } catch (error) {
    await process.end('SIGKILL')
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  return { process, configFile, web: webUrl, mesh: meshUrl, admin: adminUrl, adminAddress: `127.0.0.1:${admin}`, ask, stop }
}
