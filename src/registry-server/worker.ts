import { parentPort, workerData } from 'node:worker_threads'
import { systemClock, systemRandom } from '../clock.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { createLogger, type LogOptions } from '../logging.ts'
import { startRegistryServer } from './server.ts'
import type { ThreadMessage, ThreadStart } from './thread.ts'

function say(message: ThreadMessage): void {
  parentPort?.postMessage(message, [])
}

/** The thread's entry: starts the registry, says where it listens or why not, and ends when the parent says `close`. */
async function run(): Promise<void> {
  const { logLevel, ...options } = workerData as ThreadStart
  const logger = createLogger(logLevel as LogOptions['level'], { write: (line) => say({ kind: 'log', line }) })
  try {
    const server = await startRegistryServer({ ...options, clock: systemClock, random: systemRandom, logger })
    say({ kind: 'started', address: server.address, dnsAddress: server.dnsAddress })
    parentPort?.once('message', () => {
      void server.close().then(() => parentPort?.close())
    })
  } catch (error) {
    say({ kind: 'refused', code: error instanceof GatewayError ? error.code : 'internal', message: messageOf(error) })
    parentPort?.close()
  }
}

await run()
