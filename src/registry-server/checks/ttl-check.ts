import type { Clock, Timer } from '../../clock.ts'
import type { CheckDefinition, CheckStatus } from '../store/rows.ts'

/** A check that turns critical when nobody has reported on it for its TTL. It runs from its making on; `stop` ends it. */
export class TtlCheck {
  readonly #definition: CheckDefinition
  readonly #clock: Clock
  readonly #report: (status: CheckStatus, output: string) => void
  #timer: Timer
  #lastOutput = ''

  constructor(definition: CheckDefinition, clock: Clock, report: (status: CheckStatus, output: string) => void) {
    this.#definition = definition
    this.#clock = clock
    this.#report = report
    this.#timer = this.#armed()
  }

  arm(): void {
    this.#timer.cancel()
    this.#timer = this.#armed()
  }

  /** Starts the TTL anew; gives the output cut to its limit. */
  take(output: string): string {
    this.arm()
    this.#lastOutput = cutEnd(output, this.#definition.outputMaxBytes)
    return this.#lastOutput
  }

  stop(): void {
    this.#timer.cancel()
  }

  #armed(): Timer {
    return this.#clock.after(this.#definition.ttlMs, () => {
      const last = this.#lastOutput
      this.#report('critical', last === '' ? 'TTL expired' : `TTL expired (last output before timeout follows): ${last}`)
    })
  }
}

function cutEnd(output: string, maxBytes: number): string {
  const bytes = Buffer.from(output)
  if (bytes.length <= maxBytes) return output
  return `${bytes.subarray(0, maxBytes).toString()} ... (captured ${maxBytes} of ${bytes.length} bytes)`
}
