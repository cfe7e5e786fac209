import type { Clock } from '../clock.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'

/** For so long a registry may refuse what it will take again: a session has ended, or it has no leader, ms. */
const PASSING_MS = 10_000

/** Of a registry that does not answer the whole gateway tells. */
const away: readonly string[] = ['registry_unavailable', 'registry_timeout', 'registry_protocol']

export interface RefusalsOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly event: string
  /** What cannot be done, and what comes of it. */
  readonly text: string
}

/**
 * Tells in the log of something that is tried again and again in the background: when it begins to fail for who looks closely, and for everybody
 * when a registry that answers goes on refusing it (a token without the right, a value that is too large), of which nothing else would tell.
 */
export class Refusals {
  readonly #options: RefusalsOptions
  #isFailing = false
  /** Monotonic ms; null: it is not refused. */
  #refusedSince: number | null = null
  #isTold = false

  constructor(options: RefusalsOptions) {
    this.#options = options
  }

  /** It has failed once more. */
  note(error: unknown): void {
    const { clock, logger, event, text } = this.#options
    const fields = { event, error: messageOf(error) }
    if (!this.#isFailing) logger.debug(fields, text)
    this.#isFailing = true
    if (error instanceof GatewayError && away.includes(error.code)) return void (this.#refusedSince = null)
    this.#refusedSince ??= clock.monotonic()
    if (this.#isTold || clock.monotonic() - this.#refusedSince < PASSING_MS) return
    this.#isTold = true
    logger.warn(fields, `${text}: ${fields.error}`)
  }

  /** It has gone well. */
  clear(): void {
    this.#isFailing = false
    this.#refusedSince = null
    this.#isTold = false
  }
}
