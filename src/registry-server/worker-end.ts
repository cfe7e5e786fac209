import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logging.ts'

/** How long a thread may take that answers who waits and commits what is pending, ms. One that takes longer hangs. */
const longestCloseMs = 5_000

/** Asks a thread to `close` and resolves when it has ended; one that hangs is terminated. What it acknowledged is on disk by then. */
export async function endWorker(worker: Worker, { clock, logger }: { clock: Clock; logger: Logger }): Promise<void> {
  const exited = once(worker, 'exit')
  const timer = clock.after(longestCloseMs, () => {
    logger.warn(
      { event: 'registry.terminated', afterMs: longestCloseMs },
      `the thread of the embedded registry did not end within ${longestCloseMs} ms: it is terminated`,
    )
    void worker.terminate()
  })
  worker.postMessage('close', [])
  await exited
  timer.cancel()
}
