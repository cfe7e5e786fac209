import type { Clock, Random } from '../../clock.ts'
import type { CheckDefinition, CheckStatus } from '../store/rows.ts'
import { probeHttp } from './http-check.ts'
import { IntervalCheck } from './interval-check.ts'
import { probeTcp } from './tcp-check.ts'
import { TtlCheck } from './ttl-check.ts'

export interface CheckRunnerOptions {
  readonly clock: Clock
  readonly random: Random
  /** Is told each result that counts. */
  readonly report: (id: string, status: CheckStatus, output: string) => void
}

interface Running {
  readonly definition: CheckDefinition
  readonly check: IntervalCheck | TtlCheck
}

/** Runs the registered checks. Somebody else says which there are, and keeps the results. */
export class CheckRunner {
  readonly #options: CheckRunnerOptions
  readonly #running = new Map<string, Running>()

  constructor(options: CheckRunnerOptions) {
    this.#options = options
  }

  /** Runs a check from now on, in place of one with the same id. */
  start(definition: CheckDefinition): void {
    this.stop(definition.id)
    this.#running.set(definition.id, { definition, check: this.#open(definition) })
  }

  stop(id: string): void {
    this.#running.get(id)?.check.stop()
    this.#running.delete(id)
  }

  /** Starts a TTL anew, as registering a check again does. Checks that we run ourselves go on as they are. */
  rearm(id: string): void {
    const check = this.#running.get(id)?.check
    if (check instanceof TtlCheck) check.arm()
  }

  /** Takes a report on a TTL check; gives the output that is kept of it, or null when there is no such TTL check. */
  ttlReport(id: string, output: string): string | null {
    const check = this.#running.get(id)?.check
    return check instanceof TtlCheck ? check.take(output) : null
  }

  close(): void {
    for (const id of this.#running.keys()) this.stop(id)
  }

  #open(definition: CheckDefinition): IntervalCheck | TtlCheck {
    const { clock, random, report } = this.#options
    const own = (status: CheckStatus, output: string): void => report(definition.id, status, output)
    switch (definition.kind) {
      case 'ttl':
        return new TtlCheck(definition, clock, own)
      case 'http':
        return new IntervalCheck(definition, probeHttp, { clock, random, report: own })
      case 'tcp':
        return new IntervalCheck(definition, probeTcp, { clock, random, report: own })
      default:
        return definition.kind satisfies never
    }
  }
}
