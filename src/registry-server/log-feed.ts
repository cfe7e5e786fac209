import { createLogger, type LogOptions, type Logger } from '../logging.ts'

export type LogLevel = Exclude<LogOptions['level'], 'silent'>

/** One thing that was logged. */
export interface LogEntry {
  readonly level: LogLevel
  readonly at: Date
  readonly message: string
}

interface Follower {
  readonly least: number
  readonly tell: (entry: LogEntry) => void
}

/** A logger that writes to another one, and whose lines others can follow meanwhile (Consul: agent monitor). */
export class LogFeed {
  readonly logger: Logger
  readonly #target: Logger
  readonly #followers = new Set<Follower>()

  constructor(target: Logger) {
    this.#target = target
    this.logger = createLogger(target.level as LogOptions['level'], { write: (line) => this.#take(line) })
  }

  /** Tells of everything from a level on; returns how to stop. */
  follow(level: LogLevel, tell: Follower['tell']): () => void {
    const follower = { least: numberOf(this.logger, level), tell }
    this.#followers.add(follower)
    this.#setLevel()
    return () => {
      this.#followers.delete(follower)
      this.#setLevel()
    }
  }

  /** What nobody wants is not written at all. */
  #setLevel(): void {
    const wanted = [numberOf(this.logger, this.#target.level), ...Array.from(this.#followers, ({ least }) => least)]
    this.logger.level = this.logger.levels.labels[Math.min(...wanted)] ?? this.#target.level
  }

  #take(line: string): void {
    const { level, msg, time, pid: _pid, hostname: _hostname, ...fields } = JSON.parse(line) as Record<string, unknown>
    const name = (this.logger.levels.labels[Number(level)] ?? 'info') as LogLevel
    const message = typeof msg === 'string' ? msg : ''
    this.#target[name](fields, message)
    for (const { least, tell } of this.#followers) {
      if (Number(level) >= least) tell({ level: name, at: new Date(Number(time)), message })
    }
  }
}

function numberOf({ levels }: Logger, level: string): number {
  return levels.values[level] ?? Infinity
}
