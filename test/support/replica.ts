import { dirname } from 'node:path'
import { startGatewayProcess, type GatewayProcess, type GatewayProcessOptions } from './gateway-process.ts'
import { spawnMeshgate, untilReady, type MeshgateProcess } from './meshgate-process.ts'

/** One of several gateways, that can be killed and started again with its config, its addresses and its state. */
export interface Replica {
  readonly gateway: GatewayProcess
  /** How often it has been started or killed: what two readings tell apart happened in different lives. */
  readonly life: number
  readonly isAlive: boolean
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP, and SIGCONT. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Resolves when it is ready. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** The caller stops it. */
export async function startReplica(options: GatewayProcessOptions): Promise<Replica> {
  const gateway = await startGatewayProcess(options)
  const { configFile } = gateway
  let process: MeshgateProcess = gateway.process
  let [life, isAlive] = [0, true]
  return {
    gateway,
    get life() {
      return life
    },
    get isAlive() {
      return isAlive
    },
    kill: async () => {
      ;[life, isAlive] = [life + 1, false]
      await process.end('SIGKILL')
    },
    signal: (signal) => void globalThis.process.kill(process.pid, signal),
    restart: async () => {
      process = spawnMeshgate(['run', '--config', configFile], { cwd: dirname(configFile), env: options.env ?? {} })
      await untilReady(Number(new URL(gateway.admin).port), process)
      ;[life, isAlive] = [life + 1, true]
    },
    stop: async () => {
      await process.end('SIGTERM')
      await gateway.stop()
    },
  }
}
