import { messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import { isOfUserModule } from '../../user-modules.ts'

/**
 * What becomes of an error that nobody caught. One of a module of the user's is told; a bug of ours is told and ends the process by `end`:
 * what it has left behind cannot be trusted.
 */
export function uncaught(logger: Logger, end: () => void): (error: unknown) => void {
  return (error) => {
    if (isOfUserModule(error)) {
      const event = { event: 'filter.leaked', error: messageOf(error) }
      return logger.error(event, 'a module of the config has failed where nobody could catch it')
    }
    const stack = error instanceof Error ? error.stack : undefined
    logger.fatal({ event: 'process.bug', error: messageOf(error), stack }, 'a bug ends the process')
    end()
  }
}
