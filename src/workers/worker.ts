import { uncaught } from '../dataplane/filters/uncaught.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { openLogger, type OpenLogger } from '../logging.ts'
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts'
import { WorkerSide } from './worker-side.ts'

/** As the command line's: a bug has ended the process. */
const bugCode = 70

/** Resolves when the message is on its way. */
function say(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    // Without a channel there is nobody to tell; its end is handled where it ends.
    if (!process.connected || !process.send) return resolve()
    process.send(message, undefined, undefined, () => resolve())
  })
}

async function end(code: number, { flushed }: OpenLogger): Promise<void> {
  await flushed()
  await say({ kind: 'ended' })
  process.exit(code)
}

async function run(start: WorkerStart): Promise<void> {
  const log = openLogger({ level: start.logLevel, format: 'json' })
  const logger = log.logger.child({ worker: start.worker })
  const onBug = uncaught(logger, () => {
    log.flush()
    process.exit(bugCode)
  })
  process.on('uncaughtException', onBug).on('unhandledRejection', onBug)
  const worker = new WorkerSide(start, { say, logger })
  let isClosing = false
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'start') return
    if (message.kind !== 'close') return worker.hear(message)
    if (isClosing) return
    isClosing = true
    void worker.close(message.drainMs).then(() => end(0, log))
  })
  process.on('disconnect', () => {
    if (isClosing) return
    isClosing = true
    void worker.closeAlone().then(() => end(0, log))
  })
  process.on('SIGTERM', () => void say({ kind: 'leave' }))
  try {
    await worker.serve()
  } catch (error) {
    await say({ kind: 'refused', code: error instanceof GatewayError ? error.code : 'internal', message: messageOf(error) })
    await end(1, log)
  }
}

// What a terminal or a service manager sends to all processes of a group is for the primary, which tells us what to do.
process.on('SIGINT', () => {}).on('SIGHUP', () => {})
process.once('message', (message: ToWorker) => {
  if (message.kind === 'start') void run(message)
})
