import { formatAddress, type Address } from '../address.ts'
import type { Clock, Random } from '../clock.ts'
import { startChecker } from '../health/checker.ts'
import type { HealthPolicy } from '../health/policy.ts'
import type { Probe } from '../health/probe.ts'
import type { Verdict } from '../health/state.ts'
import { createProbe, probeTitle } from '../health/table.ts'
import type { Logger } from '../logging.ts'
import { subjectOf } from './shared-probes/finding.ts'
import type { ProbeExchange } from './shared-probes/probe-exchange.ts'
import { SharedChecker, type InstanceChecker } from './shared-probes/shared-checker.ts'

export interface InstanceCheckersOptions {
  readonly upstream: string
  readonly policy: HealthPolicy
  /** Absent: nothing is shared, whatever the policy says. */
  readonly exchange?: ProbeExchange | undefined
  /** How a probe is made; absent: by the table of probes. */
  readonly probeOf?: ((policy: HealthPolicy) => Probe) | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Called when verdicts have changed, once for all that change together; never after `close`. */
  readonly onChange: () => void
}

type Known = { readonly verdict: Verdict; readonly detail: string }

/** The checkers of an upstream's instances, by address: each lives exactly as long as its address is listed. Closed by the caller. */
export class InstanceCheckers {
  /** Sent by this replica. */
  probes = 0
  readonly #options: InstanceCheckersOptions
  readonly #checkers = new Map<string, { readonly target: Address; readonly checker: InstanceChecker }>()
  #policy: HealthPolicy
  #isChanged = false
  #isClosed = false

  constructor(options: InstanceCheckersOptions) {
    this.#options = options
    this.#policy = options.policy
  }

  get(key: string): InstanceChecker | undefined {
    return this.#checkers.get(key)?.checker
  }

  /** What is known of an address; what was never looked at is unknown. */
  stateOf(address: Address): Verdict {
    return this.get(formatAddress(address))?.state ?? 'unknown'
  }

  /** What the last probe of an address found, with what it asked, for people. */
  reasonOf(address: Address): string {
    return `${probeTitle(this.#policy.probe)} (${this.get(formatAddress(address))?.detail ?? ''})`
  }

  /** The other replicas whose probes an address's verdict is from; none: this one's. */
  believedOf(key: string): readonly string[] {
    const checker = this.get(key)
    return checker instanceof SharedChecker ? checker.believed : []
  }

  /** Whether all have had their first verdict. */
  get areSettled(): boolean {
    return [...this.#checkers.values()].every(({ checker }) => checker.state !== 'unknown')
  }

  /** How many verdicts are other replicas'. */
  get believed(): number {
    return [...this.#checkers.keys()].filter((key) => this.believedOf(key).length > 0).length
  }

  /** Starts and ends what has to, so that these addresses are looked at; `anew`: what is known of them is of before. */
  follow(addresses: readonly Address[], anew: ReadonlySet<string>): void {
    const wanted = new Map(addresses.map((address) => [formatAddress(address), address]))
    for (const [key, { checker }] of this.#checkers) {
      if (wanted.has(key) && !anew.has(key)) continue
      checker.close()
      this.#checkers.delete(key)
    }
    for (const [key, target] of wanted) {
      if (this.#checkers.has(key)) continue
      const checker = this.#start(key, target)
      this.#checkers.set(key, { target, checker })
      // What the others say may be of before too.
      if (anew.has(key) && checker instanceof SharedChecker) checker.probeNow()
    }
  }

  /** Verdicts stay; a changed kind of probe starts anew. */
  setPolicy(policy: HealthPolicy): void {
    const isSame = this.#policy.shared > 0 === policy.shared > 0
    this.#policy = policy
    for (const [key, { target, checker }] of this.#checkers) {
      if (isSame) checker.setPolicy(policy, this.#probe())
      else this.#replace(key, target, checker)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { checker } of this.#checkers.values()) checker.close()
    this.#checkers.clear()
  }

  /** Other replicas tell of many instances at once. */
  #noteChange(): void {
    if (this.#isChanged) return
    this.#isChanged = true
    queueMicrotask(() => {
      this.#isChanged = false
      if (!this.#isClosed) this.#options.onChange()
    })
  }

  #replace(key: string, target: Address, before: InstanceChecker): void {
    before.close()
    const known = { verdict: before.state, detail: before.detail }
    this.#checkers.set(key, { target, checker: this.#start(key, target, known) })
  }

  #start(key: string, target: Address, known?: Known): InstanceChecker {
    const { upstream, exchange, clock, random, logger } = this.#options
    const options = {
      target,
      policy: this.#policy,
      probe: this.#probe(),
      known,
      clock,
      random,
      onChange: (state: Verdict, detail: string): void => {
        const event = { event: `endpoint.${state}`, upstream, address: key, detail }
        if (state === 'unhealthy') logger.warn(event, `endpoint unhealthy: ${detail}`)
        else logger.info(event, `endpoint ${state}: ${detail}`)
        this.#noteChange()
      },
    }
    if (this.#policy.shared === 0 || !exchange) return startChecker(options)
    return new SharedChecker({ ...options, upstream, subject: subjectOf(upstream, key), exchange })
  }

  #probe(): Probe {
    const { probeOf = ({ probe: spec }: HealthPolicy) => createProbe(spec) } = this.#options
    const probe = probeOf(this.#policy)
    return (target, signal) => {
      this.probes++
      return probe(target, signal)
    }
  }
}
