import { Agent, get } from 'node:http'
import type { WorkerView } from '../../src/workers/worker-view.ts'
import { startGatewayProcess, type GatewayProcess } from './gateway-process.ts'
import { freePorts } from './meshgate-process.ts'
import { until } from './until.ts'

/** A gateway with two workers in front of an instance at `/app`. The caller stops it. */
export async function startWorkerGateway(instancePort: number, rest = '', web = ''): Promise<GatewayProcess> {
  const [port = 0] = await freePorts(1)
  return startGatewayProcess({
    web,
    // On a busy machine a caller that keeps its connection may be away for longer than it takes to answer.
    graceMs: 1_000,
    registry: `{ embedded: { http: "127.0.0.1:${port}", dns: off, data: "{folder}/data" } }`,
    config: `workers: 2\nupstreams: { app: { instances: ["127.0.0.1:${instancePort}"] } }\nroutes: [/app/* -> app]\n${rest}`,
  })
}

/** The processes that serve, in the order of the workers. */
export async function servingPids(gateway: GatewayProcess): Promise<readonly number[]> {
  const workers = await gateway.ask<readonly WorkerView[]>('/workers')
  return workers.filter(({ state }) => state === 'serving').map(({ pid }) => pid)
}

/** Waits until two workers serve and none of them is `not`; gives their pids. */
export function untilTwoServe(gateway: GatewayProcess, not: readonly number[] = []): Promise<readonly number[]> {
  return until('two workers serve', async () => {
    const pids = await servingPids(gateway)
    return pids.length === 2 && !pids.some((pid) => not.includes(pid)) ? pids : null
  })
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Lines of the log with that event. */
export function logged(gateway: GatewayProcess, event: string): readonly Record<string, unknown>[] {
  return gateway.process
    .output()
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

export interface Callers {
  /** Answered with 200 so far. */
  readonly answered: number
  /** Ends the loops; gives what went wrong. */
  stop(): Promise<readonly string[]>
}

/** So many failures end them: a test that has failed must not leave them at it. */
const mostFailures = 100

/** Callers that send one GET after the other: each on a connection of its own that it keeps, or each time on a new one. Nobody retries. */
export function startCallers(url: string, count: number, { keepAlive }: { readonly keepAlive: boolean }): Callers {
  const failures: string[] = []
  let answered = 0
  const stopping = new AbortController()
  const call = (agent: Agent): Promise<void> =>
    new Promise((resolve) => {
      const request = get(url, { agent }, (response) => {
        if (response.statusCode === 200) answered++
        else failures.push(`status ${response.statusCode}`)
        response.resume().once('close', resolve)
        response.once('error', () => {})
      })
      request.on('error', (error) => {
        failures.push(`${error.message}${request.reusedSocket ? ' on a kept connection' : ''}`)
        resolve()
      })
    })
  const loop = async (): Promise<void> => {
    const agent = new Agent({ keepAlive, maxSockets: 1 })
    while (!stopping.signal.aborted && failures.length < mostFailures) await call(agent)
    agent.destroy()
  }
  const loops = Array.from({ length: count }, loop)
  return {
    get answered() {
      return answered
    },
    stop: async () => {
      stopping.abort()
      await Promise.all(loops)
      return failures
    },
  }
}
