import { Worker } from 'node:worker_threads'
import type { Address } from '../address.ts'
import { systemClock } from '../clock.ts'
import { GatewayError, messageOf, type ErrorCode } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { RegistryOptions, RegistryServer } from './server.ts'
import { endWorker } from './worker-end.ts'

/** What the thread is started with. */
export interface ThreadStart extends RegistryOptions {
  readonly logLevel: string
}

/** What the thread says. */
export type ThreadMessage =
  | { readonly kind: 'started'; readonly address: Address; readonly dnsAddress: Address | null }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'log'; readonly line: string }

export interface RegistryThread extends RegistryServer {
  /** Resolves when the thread ends without having been closed. */
  readonly failed: Promise<GatewayError>
}

/**
 * Starts a registry in a thread of its own, so that its fsyncs and its answers do not hold up the data plane. The caller closes it.
 * Throws what {@link startRegistryServer} throws. Its log lines go to `logger`.
 */
export function startRegistryThread(options: RegistryOptions, logger: Logger): Promise<RegistryThread> {
  const start: ThreadStart = { ...options, logLevel: logger.level }
  const worker = new Worker(workerUrl(), { workerData: start })
  let hasEnded = false
  let isClosing = false
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve())).then(() => void (hasEnded = true))
  return new Promise((resolve, reject) => {
    let thrown: unknown
    const failed = exited.then(
      () =>
        new GatewayError(
          'internal',
          'the thread of the embedded registry ended by itself',
          thrown === undefined ? {} : { cause: thrown },
        ),
    )
    // Told apart from a wanted end: then the promise stays open.
    const failedByItself = new Promise<GatewayError>((tell) => void failed.then((error) => !isClosing && tell(error)))
    const close = async (): Promise<void> => {
      if (hasEnded || isClosing) return exited
      isClosing = true
      await endWorker(worker, { clock: systemClock, logger })
    }
    worker.on('error', (error: unknown) => {
      thrown = error
      reject(new GatewayError('internal', `the thread of the embedded registry failed: ${messageOf(error)}`, { cause: error }))
    })
    worker.on('message', (message: ThreadMessage) => {
      if (message.kind === 'log') return relay(message.line, logger)
      if (message.kind === 'started') {
        const { address, dnsAddress } = message
        return resolve({ address, dnsAddress, close, failed: failedByItself })
      }
      isClosing = true
      reject(new GatewayError(message.code, message.message))
    })
    void failed.then(reject)
  })
}

/** In the tree the thread runs the .ts file, in dist the .js file: the one with this file's own extension. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
}

/** Writes a line of the thread's logger with the parent's, with its fields. */
function relay(line: string, logger: Logger): void {
  const { level, msg, time: _time, pid: _pid, hostname: _hostname, ...fields } = JSON.parse(line) as Record<string, unknown>
  const name = logger.levels.labels[Number(level)] ?? 'info'
  logger[name as 'info'](fields, typeof msg === 'string' ? msg : '')
}
