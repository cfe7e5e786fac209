import { isDeepStrictEqual } from 'node:util'
import { formatAddress, type Address } from '../../address.ts'
import { pause, type Clock, type Random, type Timer } from '../../clock.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Balancer } from '../balancer/balancer.ts'
import { createBalancer } from '../balancer/table.ts'
import type { Asker, Failure } from '../exchange.ts'
import type { BreakerState } from './breaker.ts'
import { Eligibility, type Answer } from './eligibility.ts'
import { Endpoint, type EndpointLimits } from './endpoint.ts'
import { Gate } from './gate.ts'
import type { Member, Members, MemberUpdate } from './members.ts'
import { NoMember } from './no-member.ts'
import type { Ejection } from './outliers.ts'
import type { Pipelining } from './pipelining.ts'
import { pickUntried, tryPick, type Picker } from './picker.ts'
import type { UpstreamPolicy } from './policy.ts'
import { RetryBudget } from './retry-budget.ts'

/** Failures of an attempt that say nothing about its endpoint. */
const notOfTheEndpoint: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'client_gone',
  'client_stalled',
  'request_timeout',
  'bad_request',
  'ambiguous_framing',
  'header_too_large',
  'body_too_large',
  'filter_failed',
  'upstream_overloaded',
  'deadline_exceeded',
])

/** As what a failure counts among the latencies, ms: an endpoint that refuses at once must not look fast. */
const FAILED_MS = 1_000

export interface UpstreamDeps {
  readonly clock: Clock
  readonly random: Random
}

/** Plain counters, read when somebody scrapes. */
export interface UpstreamStats {
  attempts: number
  retries: number
  /** Second attempts beside one that has not been answered. */
  hedges: number
  /** Endpoints taken out for failing requests. */
  ejections: number
  /** Endpoints that no longer get requests behind each other, because they answered wrongly to it. */
  pipeliningOff: number
  /** Attempts that ended without a whole response, by error code. */
  readonly failures: Map<string, number>
}

/** What became of copies that other routes' requests sent here. */
export interface MirroredStats {
  sent: number
  /** Not answered in time, or with 5xx. */
  failed: number
  /** Left out: too many under way, too large a body, no instance. */
  skipped: number
  inFlight: number
}

/** A service as we call it: its members, its balancer, its policy. What requests read are references that are replaced whole. */
export class Upstream implements Picker {
  readonly name: string
  readonly mirrored: MirroredStats = { sent: 0, failed: 0, skipped: 0, inFlight: 0 }
  readonly stats: UpstreamStats = { attempts: 0, retries: 0, hedges: 0, ejections: 0, pipeliningOff: 0, failures: new Map() }
  /** Called with the endpoint's key when an attempt could not connect or was cut: the prober looks at once. */
  onTrouble: ((endpointKey: string) => void) | null = null
  /** Called when an endpoint is taken out for failing requests or for being slow, with its key, the time in ms, and why. */
  onEjection: ((endpointKey: string, forMs: number, why: string) => void) | null = null
  /** Called when the members have been replaced: the registry, a probe, an ejection or time has changed something. */
  onMembers: ((members: Members) => void) | null = null
  /** Called with the endpoint's key and the reason when an endpoint no longer gets requests behind each other. */
  onPipeliningOff: ((endpointKey: string, reason: string) => void) | null = null
  /** Called when the breaker changes its state, with the reason while nobody gets in. */
  onBreaker: ((state: BreakerState, why: Failure | null) => void) | null = null
  /** Who gets here. */
  readonly gate: Gate
  /** What retries may still be made. */
  readonly budget = new RetryBudget()
  readonly #deps: UpstreamDeps
  #endpoints: ReadonlyMap<string, Endpoint> = new Map()
  /** The members as the control plane handed them over last. */
  #listed: readonly Member[] = []
  readonly #eligibility = new Eligibility()
  readonly #noMember = new NoMember()
  #nextChange: Timer | null = null
  #isClosed = false
  #members: Members = { all: [], eligible: [], preferred: [], isPanicking: false, known: false }
  #policy: UpstreamPolicy
  #balancer: Balancer

  constructor(name: string, policy: UpstreamPolicy, deps: UpstreamDeps) {
    this.name = name
    this.#deps = deps
    this.#policy = policy
    this.#balancer = createBalancer(policy.balance, deps)
    this.gate = new Gate(deps.clock, (state) => this.onBreaker?.(state, this.gate.whyClosed()))
    this.gate.setPolicy(policy)
  }

  get members(): Members {
    return this.#members
  }

  /** Whether anything is under way there, tunnels too. */
  get isBusy(): boolean {
    return this.#members.all.some(({ endpoint }) => endpoint.inFlight > 0)
  }

  get policy(): UpstreamPolicy {
    return this.#policy
  }

  setPolicy(policy: UpstreamPolicy): void {
    if (!isDeepStrictEqual(policy.balance, this.#policy.balance)) this.#balancer = createBalancer(policy.balance, this.#deps)
    this.#policy = policy
    for (const endpoint of this.#endpoints.values()) endpoint.setLimits(limitsOf(policy))
    if (this.#members.known) this.#publish()
    this.gate.setPolicy(policy)
  }

  /** Replaces the members; endpoints whose address stays keep their connections, the others end after their attempts. */
  setMembers(updates: readonly MemberUpdate[]): void {
    const before = this.#endpoints
    const endpoints = new Map<string, Endpoint>()
    for (const { address } of updates) {
      const key = formatAddress(address)
      if (!endpoints.has(key)) endpoints.set(key, before.get(key) ?? this.#newEndpoint(address))
    }
    this.#listed = updates.flatMap((update): Member[] => {
      const endpoint = endpoints.get(formatAddress(update.address))
      return endpoint ? [{ tags: [], meta: {}, isNear: true, ...update, endpoint }] : []
    })
    this.#endpoints = endpoints
    this.#publish()
    for (const [key, endpoint] of before) if (!endpoints.has(key)) endpoint.retire()
  }

  get eligible(): readonly Member[] {
    return this.#members.eligible
  }

  pick(asker: Asker, tried: readonly Endpoint[]): Endpoint | null {
    return pickUntried(this.#balancer, this.#members, asker, tried)
  }

  /** How many attempts could fail at once and be made again. */
  get retriesLeft(): number {
    return this.budget.left(this.#deps.clock.thisTurn())
  }

  tryOut(asker: Asker): Endpoint | null {
    return tryPick(this.#balancer, this.#members, asker)
  }

  whyNone(): Failure {
    return this.whyNoneOf(this.#members.all)
  }

  /** Why there is none among some of the members, which are those that `which` names. */
  whyNoneOf(members: readonly Member[], which = ''): Failure {
    return this.#noMember.whyNone(this, members, { which, now: this.#deps.clock.thisTurn() })
  }

  /** Another balancer as the policy wants it, for a part of the members. */
  createBalancer(): Balancer {
    return createBalancer(this.#policy.balance, this.#deps)
  }

  /** Counts a failed attempt and has its endpoint probed at once, if the endpoint is to blame. */
  noteFailure(endpoint: Endpoint, failure: Failure): void {
    const { code } = failure
    this.stats.failures.set(code, (this.stats.failures.get(code) ?? 0) + 1)
    if (notOfTheEndpoint.has(code)) return
    const now = this.#deps.clock.thisTurn()
    endpoint.latency.observe(FAILED_MS, now)
    endpoint.burden.add(now)
    this.onTrouble?.(endpoint.key)
    const { outlier } = this.#policy
    if (outlier) this.#eject(this.#eligibility.failed(endpoint, failure, this.#eligibility.sighting(this.#listed, outlier, now)))
  }

  /** Takes notice of a whole answer. */
  noteAnswer(endpoint: Endpoint, answer: Answer): void {
    const { outlier } = this.#policy
    if (!outlier && answer.status < 500) return
    const now = this.#deps.clock.thisTurn()
    if (answer.status >= 500) endpoint.burden.add(now)
    if (outlier) this.#eject(this.#eligibility.answered(endpoint, answer, this.#eligibility.sighting(this.#listed, outlier, now)))
  }

  /** How an endpoint takes to requests that stand behind each other; null: there is no such endpoint. */
  pipeliningOf(endpointKey: string): Pipelining | null {
    return this.#endpoints.get(endpointKey)?.pipelining ?? null
  }

  /** Takes an endpoint out that has failed requests of another process of this gateway, which counts and tells it. */
  adoptEjection(endpointKey: string, forMs: number): void {
    const endpoint = this.#endpoints.get(endpointKey)
    const { outlier } = this.#policy
    if (!endpoint || !outlier) return
    this.#eligibility.adopt(endpoint, forMs, this.#eligibility.sighting(this.#listed, outlier, this.#deps.clock.thisTurn()))
    this.#publish()
  }

  /** For how many ms more an endpoint is out for failing requests; null: it is not. */
  ejectedForMs(endpointKey: string): number | null {
    const endpoint = this.#endpoints.get(endpointKey)
    return endpoint ? this.#eligibility.ejectedForMs(endpoint, this.#deps.clock.thisTurn()) : null
  }

  /** Why an endpoint was taken out last, for people. */
  whyEjected(endpointKey: string): string {
    const endpoint = this.#endpoints.get(endpointKey)
    return endpoint ? this.#eligibility.whyEjected(endpoint) : ''
  }

  /** Gives attempts under way `drainMs`, then ends all connections. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true
    this.#nextChange?.cancel()
    const endpoints = [...this.#endpoints.values()]
    const since = this.#deps.clock.monotonic()
    while (endpoints.some(({ inFlight }) => inFlight > 0) && this.#deps.clock.monotonic() - since < drainMs) {
      await pause(this.#deps.clock, 20)
    }
    for (const endpoint of endpoints) endpoint.destroy()
  }

  #newEndpoint(address: Address): Endpoint {
    const { clock } = this.#deps
    const onPipeliningOff = (key: string, reason: string): void => {
      this.stats.pipeliningOff++
      this.onPipeliningOff?.(key, reason)
    }
    return new Endpoint(address, limitsOf(this.#policy), { clock, onPipeliningOff })
  }

  #eject(ejections: readonly Ejection[]): void {
    if (ejections.length === 0) return
    this.stats.ejections += ejections.length
    this.#publish()
    for (const { endpoint, forMs, why } of ejections) this.onEjection?.(endpoint.key, forMs, why)
  }

  /** Makes the members that requests read out of what is listed and what we have seen of it. */
  #publish(): void {
    const now = this.#deps.clock.thisTurn()
    const { members, nextAt } = this.#eligibility.judge(this.#listed, this.#policy, now)
    this.#members = members
    this.onMembers?.(members)
    for (const { endpoint, exclusion } of members.all) endpoint.setWarm(exclusion === null)
    this.gate.concurrency?.callUp()
    this.#nextChange?.cancel()
    const waits = nextAt !== Infinity && !this.#isClosed
    this.#nextChange = waits ? this.#deps.clock.after(nextAt - now, () => this.#publish()) : null
  }
}

function limitsOf({ concurrency, maxConnections, maxQueued, pipelining, warmConnections }: UpstreamPolicy): EndpointLimits {
  const perInstance = concurrency?.perInstance ?? 0
  return { maxConnections, maxQueued, pipelining, warmConnections, maxRequests: perInstance > 0 ? perInstance : Infinity }
}
