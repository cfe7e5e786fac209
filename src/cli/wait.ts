import { holdProcess, pause, type Clock } from '../clock.ts'
import { formatDurationMs } from '../durations.ts'
import { GatewayError, type ErrorCode } from '../errors.ts'

/** How often a command that waits looks, ms. */
const LOOK_EVERY_MS = 200

/** What a later call may not meet any more: the gateway restarts, its registry elects a leader. */
const passing: readonly ErrorCode[] = [
  'admin_unreachable',
  'registry_unavailable',
  'registry_timeout',
  'registry_refused',
  'registry_protocol',
]

export interface WaitOptions {
  readonly deadlineMs: number
  readonly clock: Clock
  /** Called with each failure that is asked past, once in a row. */
  readonly onFailure: (message: string) => void
}

/** The time that a command gives something to come about; it begins when this is made. */
export class Wait {
  readonly #options: WaitOptions
  readonly #since: number
  #deadlineMs: number
  #told = ''

  constructor(options: WaitOptions) {
    this.#options = options
    this.#deadlineMs = options.deadlineMs
    this.#since = options.clock.monotonic()
  }

  get deadlineMs(): number {
    return this.#deadlineMs
  }

  get tookMs(): number {
    return this.#options.clock.monotonic() - this.#since
  }

  get isOver(): boolean {
    return this.tookMs >= this.#deadlineMs
  }

  /** What is waited for turns out to take longer. */
  extendTo(deadlineMs: number): void {
    this.#deadlineMs = Math.max(this.#deadlineMs, deadlineMs)
  }

  /** Until the next look is due. */
  async pause(): Promise<void> {
    const letGo = holdProcess()
    try {
      await pause(this.#options.clock, Math.min(LOOK_EVERY_MS, Math.max(1, this.#deadlineMs - this.tookMs)))
    } finally {
      letGo()
    }
  }

  /** Asks until there is an answer. Throws what no waiting mends at once, and the last failure when the time is over. */
  async answerTo<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await ask()
        this.#told = ''
        return answer
      } catch (error) {
        if (!(error instanceof GatewayError) || !passing.includes(error.code)) throw error
        if (this.isOver) throw this.#givenUp(error)
        this.#tell(error.message)
      }
      await this.pause()
    }
  }

  #tell(message: string): void {
    if (message !== this.#told) this.#options.onFailure(message)
    this.#told = message
  }

  #givenUp({ code, message }: GatewayError): GatewayError {
    const after = formatDurationMs(this.#deadlineMs)
    return new GatewayError(code, `given up after ${after}; the last failure: ${message}`)
  }
}
