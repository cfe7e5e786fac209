import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../test/support/meshgate-process.ts'
import { until } from '../../test/support/until.ts'
import { nginxFrame } from './peers/nginx.ts'
import { startPinned, type RunningProcess } from './pinned.ts'
import { libraryPath, programOf } from './programs.ts'

/** What stands behind the gateways, on the core of the load: `/64k` is answered with 64 KiB, all else with 36 bytes. */
export interface Services {
  readonly http: readonly number[]
  readonly webSocket: readonly number[]
  stop(): Promise<void>
}

/** Starts one nginx with two ports, and a WebSocket echo. */
export async function startServices(folder: string): Promise<Services> {
  const [one = 0, two = 0, echo = 0] = await freePorts(3)
  const running: RunningProcess[] = [startHttp(folder, [one, two]), startEcho(echo)]
  const answers = async (): Promise<boolean> =>
    (await Promise.all([one, two, echo].map((port) => fetch(`http://127.0.0.1:${port}/`)))).every(({ status }) => status > 0)
  await until('the services answer', answers).catch((error: unknown) => {
    throw new Error(running.map(({ output }) => output()).join('\n'), { cause: error })
  })
  return {
    http: [one, two],
    webSocket: [echo],
    stop: async () => void (await Promise.all(running.map((each) => each.stop()))),
  }
}

function startHttp(parent: string, ports: readonly number[]): RunningProcess {
  const folder = join(parent, 'service')
  mkdirSync(folder)
  writeFileSync(join(folder, '64k'), 'x'.repeat(64 * 1024))
  const config = nginxFrame(
    folder,
    1,
    `  sendfile on; tcp_nopush on; open_file_cache max=10;
  server {
    ${ports.map((port) => `listen 127.0.0.1:${port} backlog=4096;`).join(' ')}
    location / { return 200 "an answer of thirty-six bytes all of"; }
    location = /64k { root ${folder}; }
  }`,
  )
  const file = join(folder, 'service.conf')
  writeFileSync(file, config)
  return startPinned('load', [programOf('nginx'), '-e', 'stderr', '-p', folder, '-c', file], { LD_LIBRARY_PATH: libraryPath })
}

function startEcho(port: number): RunningProcess {
  const script = fileURLToPath(new URL('./load/echo-server.ts', import.meta.url))
  return startPinned('load', [process.execPath, script, String(port)])
}
