import { uncaught } from '../dataplane/filters/uncaught.ts'
import { messageOf } from '../errors.ts'
import type { OpenLogger } from '../logging.ts'
import { exitCode } from './exit-codes.ts'

/** What runs until a signal ends it. */
export interface Stoppable {
  stop(): Promise<void>
  /** On SIGHUP. */
  reload?(): Promise<void>
}

/**
 * Waits for SIGTERM or SIGINT, stops and resolves with the exit code; a second signal ends the process at once. A bug that nobody caught is
 * logged and ends the process with 70: what it has left behind cannot be trusted.
 */
export function untilStopped(running: Stoppable, { logger, flush, flushed }: OpenLogger): Promise<number> {
  const onBug = uncaught(logger, () => {
    flush()
    process.exit(exitCode.bug)
  })
  return new Promise((resolve) => {
    let stopping = false
    const end = (code: number): void => void flushed().then(() => resolve(code))
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping) {
        logger.warn({ event: 'process.forced', signal }, 'second signal: ending at once')
        flush()
        process.exit(exitCode.no)
      }
      stopping = true
      logger.info({ event: 'process.signal', signal }, `${signal}: shutting down`)
      running.stop().then(
        () => {
          logger.info({ event: 'process.stopped' }, 'stopped')
          end(exitCode.ok)
        },
        (error: unknown) => {
          logger.error({ event: 'process.stop_failed', error: messageOf(error) }, 'the shutdown failed')
          end(exitCode.bug)
        },
      )
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
    process.on('SIGHUP', () => void running.reload?.())
    process.on('uncaughtException', onBug).on('unhandledRejection', onBug)
  })
}
