import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { freePorts } from '../../test/support/meshgate-process.ts'
import { until } from '../../test/support/until.ts'
import type { Setup } from './peer.ts'
import { peers, type PeerName } from './peers/table.ts'
import { startPinned, type Core } from './pinned.ts'
import { cpuSecondsOf, memoryKibOf } from './process-tree.ts'
import { libraryPath } from './programs.ts'

/** What a request has that calls the services behind a mesh listener. */
export const callByName = { Host: 'bench', 'X-Mesh-Token': 'token-of-the-bench' }

/** One row of a scenario. */
export interface Contestant {
  readonly label: string
  readonly peer: PeerName
  readonly setup?: Partial<Pick<Setup, 'routes' | 'workers' | 'extra'>>
  readonly core?: Core
}

/** A gateway that runs. */
export interface Running {
  readonly label: string
  readonly version: string
  readonly port: number
  /** For what the load writes. */
  readonly folder: string
  /** A request is answered by the services. */
  untilServing(): Promise<void>
  cpuSeconds(): number
  memoryKib(): number
  stop(): Promise<void>
}

/** Starts it in a folder of its own. Throws if it cannot be had here; the message says why. */
export async function startContestant(contestant: Contestant, services: readonly number[], parent: string): Promise<Running> {
  const { label, peer: name, setup, core = 'measured' } = contestant
  const peer = peers[name]
  const version = peer.version()
  const folder = join(parent, label.replaceAll(/[^\w-]+/g, '-'))
  mkdirSync(folder, { recursive: true })
  const [port = 0] = await freePorts(1)
  const whole: Setup = { routes: 1, workers: 1, extra: {}, ...setup, port, services, folder }
  if (whole.routes > peer.mostRoutes) throw new Error(`is not set up with more than ${peer.mostRoutes} routes here`)
  const env = { ...('env' in peer ? peer.env : {}), ...(name === 'meshgate' ? {} : { LD_LIBRARY_PATH: libraryPath }) }
  const running = startPinned(core, peer.command(whole), env)
  const path = whole.routes > 1 ? '/route-0/' : '/'
  const headers = whole.extra.mesh === undefined ? {} : callByName
  // fetch does not let anybody set Host.
  const answers = async (): Promise<boolean> => {
    const sent = get(`http://127.0.0.1:${port}${path}`, { headers, signal: AbortSignal.timeout(1_000) })
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    answer.resume()
    return answer.statusCode === 200 || answer.statusCode === 426
  }
  return {
    label,
    version,
    port,
    folder,
    untilServing: () =>
      until(`${label} serves`, answers, 30_000).then(undefined, async (error: unknown) => {
        await running.stop()
        throw new Error(`it does not serve: ${running.output() || String(error)}`, { cause: error })
      }) as Promise<void>,
    cpuSeconds: () => cpuSecondsOf(running.pid),
    memoryKib: () => memoryKibOf(running.pid),
    stop: running.stop,
  }
}
