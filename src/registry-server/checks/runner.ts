import type { Clock, Random } from '../../clock.ts'
import type { CheckDefinition, CheckStatus } from '../store/rows.ts'
import type { State } from '../store/state.ts'
import type { Watches } from '../store/watches.ts'
import { AliasCheck } from './alias-check.ts'
import { probeGrpc } from './grpc-check.ts'
import { probeHttp } from './http-check.ts'
import { IntervalCheck, type Probe } from './interval-check.ts'
import { probeScript } from './script-check.ts'
import { probeTcp } from './tcp-check.ts'
import { TtlCheck } from './ttl-check.ts'

export interface CheckRunnerOptions {
  readonly clock: Clock
  readonly random: Random
  /** What alias checks look at, and the registry's own node. */
  readonly state: State
  readonly watches: Watches
  readonly node: string
  /** Whether programs are run. */
  readonly enableScripts: boolean
  /** Is told each result that counts. */
  readonly report: (id: string, status: CheckStatus, output: string) => void
}

type RunningCheck = IntervalCheck | TtlCheck | AliasCheck

// How to look, for the checks that look once an interval.
const probes: Readonly<Record<Exclude<CheckDefinition['kind'], 'ttl' | 'alias'>, Probe>> = {
  http: probeHttp,
  tcp: probeTcp,
  grpc: probeGrpc,
  script: probeScript,
  // What is meant to run inside a container must not run outside of it.
  docker: async () => ({ status: 'critical', output: 'Docker checks are not run by this registry' }),
}

const scriptsAreOff: Probe = async () => ({ status: 'critical', output: 'Scripts are disabled on this agent' })

/** Runs the registered checks. Somebody else says which there are, and keeps the results. */
export class CheckRunner {
  readonly #options: CheckRunnerOptions
  readonly #running = new Map<string, RunningCheck>()

  constructor(options: CheckRunnerOptions) {
    this.#options = options
  }

  /** Runs a check from now on, in place of one with the same id. */
  start(definition: CheckDefinition): void {
    this.stop(definition.id)
    this.#running.set(definition.id, this.#open(definition))
  }

  stop(id: string): void {
    this.#running.get(id)?.stop()
    this.#running.delete(id)
  }

  /** Starts a TTL anew, as registering a check again does. Checks that we run ourselves go on as they are. */
  rearm(id: string): void {
    const check = this.#running.get(id)
    if (check instanceof TtlCheck) check.arm()
  }

  /** Takes a report on a TTL check; gives the output that is kept of it, or null when there is no such TTL check. */
  ttlReport(id: string, output: string): string | null {
    const check = this.#running.get(id)
    return check instanceof TtlCheck ? check.take(output) : null
  }

  close(): void {
    for (const id of this.#running.keys()) this.stop(id)
  }

  #open(definition: CheckDefinition): RunningCheck {
    const { clock, random, enableScripts, report } = this.#options
    const own = (status: CheckStatus, output: string): void => report(definition.id, status, output)
    const { kind } = definition
    if (kind === 'ttl') return new TtlCheck(definition, clock, own)
    if (kind === 'alias') return new AliasCheck(definition, { ...this.#options, report: own })
    // One that was registered while scripts were on.
    const probe = kind === 'script' && !enableScripts ? scriptsAreOff : probes[kind]
    return new IntervalCheck(definition, probe, { clock, random, report: own })
  }
}
