import type { Clock, Random, Timer } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { CheckDefinition, CheckStatus } from '../store/rows.ts'

export interface ProbeResult {
  readonly status: CheckStatus
  readonly output: string
}

/** Looks once. A failure is a result, and so is what it throws over a definition that cannot be run. Ends early when `signal` aborts. */
export type Probe = (definition: CheckDefinition, clock: Clock, signal: AbortSignal) => Promise<ProbeResult>

export interface IntervalCheckOptions {
  readonly clock: Clock
  readonly random: Random
  readonly report: (status: CheckStatus, output: string) => void
}

/**
 * A check that the registry runs itself, one interval after the end of the last run; the first run is somewhere in the first interval,
 * so that many checks registered at one moment do not run at one moment. It runs from its making on; `stop` ends it.
 */
export class IntervalCheck {
  readonly #definition: CheckDefinition
  readonly #probe: Probe
  readonly #options: IntervalCheckOptions
  readonly #stopped = new AbortController()
  #timer: Timer
  // Both counters start full: the first result after registration always counts (Consul: StatusHandler).
  #successes: number
  #failures: number

  constructor(definition: CheckDefinition, probe: Probe, options: IntervalCheckOptions) {
    this.#definition = definition
    this.#probe = probe
    this.#options = options
    this.#successes = definition.successBeforePassing
    this.#failures = definition.failuresBeforeCritical
    this.#timer = this.#schedule(options.random() * definition.intervalMs)
  }

  stop(): void {
    this.#timer.cancel()
    this.#stopped.abort()
  }

  #schedule(delayMs: number): Timer {
    return this.#options.clock.after(delayMs, () => void this.#run())
  }

  async #run(): Promise<void> {
    const result = await this.#look()
    if (this.#stopped.signal.aborted) return
    if (this.#counts(result.status)) this.#options.report(result.status, result.output)
    this.#timer = this.#schedule(this.#definition.intervalMs)
  }

  /** Whatever somebody has registered, one check does not end the registry. */
  async #look(): Promise<ProbeResult> {
    try {
      return await this.#probe(this.#definition, this.#options.clock, this.#stopped.signal)
    } catch (error) {
      return { status: 'critical', output: messageOf(error) }
    }
  }

  /** Whether enough results in a row say the same. A warning counts as a success. */
  #counts(status: CheckStatus): boolean {
    const { successBeforePassing, failuresBeforeCritical } = this.#definition
    if (status === 'critical') {
      this.#successes = 0
      this.#failures++
      return this.#failures >= failuresBeforeCritical
    }
    this.#failures = 0
    this.#successes++
    return this.#successes >= successBeforePassing
  }
}
