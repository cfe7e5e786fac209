import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { destination, pino, type DestinationStream, type Logger } from 'pino'
import type * as PinoPretty from 'pino-pretty'
import { systemClock } from './clock.ts'

export type { Logger }

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `auto`: text on a terminal, JSON lines elsewhere. */
  readonly format: 'auto' | 'json' | 'text'
}

/** A logger on stdout. One of the two is called before the process ends. */
export interface OpenLogger {
  readonly logger: Logger
  /** Writes what is buffered at once, for an end that cannot wait: what is on its way to stdout just then may come behind it. */
  readonly flush: () => void
  /** Resolves when everything has been written, in order, or when stdout has taken nothing for a second. */
  readonly flushed: () => Promise<void>
}

/** One write per so many bytes: a write per line would cost as much CPU as the request that it tells of. */
const BATCH_BYTES = 8 * 1024

/** No line waits longer, ms. */
const FLUSH_EVERY_MS = 50

/** If nobody reads stdout, lines beyond this are dropped, bytes: a gateway does not run out of memory for its log. */
const BACKLOG_BYTES = 16 * 1024 * 1024

/** How long the end of the process waits for a reader of stdout, ms. */
const FLUSH_WAIT_MS = 1_000

/** Opens the process's logger. Errors of stdout (a closed pipe) are dropped: a gateway does not stop for want of a reader. */
export function openLogger({ level, format }: LogOptions): OpenLogger {
  const text = format === 'text' || (format === 'auto' && process.stdout.isTTY)
  const stream = text
    ? prettyStream()({ destination: 1, sync: true, ignore: 'pid,hostname,event', translateTime: 'SYS:HH:MM:ss.l' })
    : destination({ dest: 1, sync: false, minLength: BATCH_BYTES, periodicFlush: FLUSH_EVERY_MS, maxLength: BACKLOG_BYTES })
  const emitter: EventEmitter = stream
  emitter.on('error', () => {})
  const logger = createLogger(level, stream)
  if (!('flushSync' in stream)) return { logger, flush: () => {}, flushed: () => Promise.resolve() }
  const flushed = (): Promise<void> =>
    new Promise((resolve) => {
      const limit = systemClock.after(FLUSH_WAIT_MS, resolve)
      stream.flush(() => {
        limit.cancel()
        resolve()
      })
    })
  return { logger, flush: () => stream.flushSync(), flushed }
}

/** What writes lines for people, loaded only where somebody reads them. */
function prettyStream(): (typeof PinoPretty)['build'] {
  return (createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty).build
}

/** A logger on any stream, with secrets of requests taken out. */
export function createLogger(level: LogOptions['level'], stream: DestinationStream): Logger {
  return pino({ level, redact: ['headers.authorization', 'headers.cookie', 'headers["set-cookie"]', 'token'] }, stream)
}

/** A logger that writes nothing, for tests and tools. */
export const silentLogger: Logger = pino({ level: 'silent' })
