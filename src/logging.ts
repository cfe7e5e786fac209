import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { pino, type DestinationStream, type Logger } from 'pino'
import type * as PinoPretty from 'pino-pretty'
import { BatchedOutput } from './batched-output.ts'
import { systemClock } from './clock.ts'

export type { Logger }

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `auto`: text on a terminal, JSON lines elsewhere. */
  readonly format: 'auto' | 'json' | 'text'
}

/** A logger on stdout. `flush` or `flushed` is called before the process ends. */
export interface OpenLogger {
  readonly logger: Logger
  /** Writes whole lines that the logger of another process has made, each with its line break. */
  readonly relay: (lines: string) => void
  /** Writes what is buffered at once, for an end that cannot wait: what is on its way to stdout just then may come behind it. */
  readonly flush: () => void
  /** Resolves when everything has been written, in order, or when stdout has taken nothing for a second. */
  readonly flushed: () => Promise<void>
}

/** Opens the process's logger. */
export function openLogger({ level, format }: LogOptions): OpenLogger {
  if (format === 'text' || (format === 'auto' && process.stdout.isTTY)) {
    const stream = prettyStream()({ destination: 1, sync: true, ignore: 'pid,hostname,event', translateTime: 'SYS:HH:MM:ss.l' })
    const emitter: EventEmitter = stream
    // Errors of stdout (a closed terminal) are dropped: a gateway does not stop for want of a reader.
    emitter.on('error', () => {})
    const logger = createLogger(level, stream)
    return { logger, relay: (lines) => void stream.write(lines), flush: () => {}, flushed: () => Promise.resolve() }
  }
  const output = new BatchedOutput(1, systemClock)
  return {
    logger: createLogger(level, output),
    relay: (lines) => output.write(lines),
    flush: () => output.flushSync(),
    flushed: () => output.flushed(),
  }
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
