import { isDeepStrictEqual } from 'node:util'
import { formatAddress } from '../../address.ts'
import { pause, type Clock, type Random } from '../../clock.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Balancer } from '../balancer/balancer.ts'
import { createBalancer } from '../balancer/table.ts'
import type { Asker, Failure } from '../exchange.ts'
import { Endpoint, type EndpointLimits } from './endpoint.ts'
import type { Member, Members, MemberUpdate } from './members.ts'
import type { UpstreamPolicy } from './policy.ts'

/** Failures of an attempt that say nothing about its endpoint. */
const notOfTheEndpoint: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'client_gone',
  'client_stalled',
  'request_timeout',
  'bad_request',
  'body_too_large',
  'filter_failed',
  'upstream_overloaded',
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
  /** Attempts that ended without a whole response, by error code. */
  readonly failures: Map<string, number>
}

/** A service as we call it: its members, its balancer, its policy. What requests read are references that are replaced whole. */
export class Upstream {
  readonly name: string
  readonly stats: UpstreamStats = { attempts: 0, retries: 0, failures: new Map() }
  /** Called with the endpoint's key when an attempt could not connect or was cut: the prober looks at once. */
  onTrouble: ((endpointKey: string) => void) | null = null
  readonly #deps: UpstreamDeps
  #endpoints: ReadonlyMap<string, Endpoint> = new Map()
  #members: Members = { all: [], eligible: [], known: false }
  #policy: UpstreamPolicy
  #balancer: Balancer

  constructor(name: string, policy: UpstreamPolicy, deps: UpstreamDeps) {
    this.name = name
    this.#deps = deps
    this.#policy = policy
    this.#balancer = createBalancer(policy.balance, deps)
  }

  get members(): Members {
    return this.#members
  }

  get policy(): UpstreamPolicy {
    return this.#policy
  }

  setPolicy(policy: UpstreamPolicy): void {
    if (!isDeepStrictEqual(policy.balance, this.#policy.balance)) this.#balancer = createBalancer(policy.balance, this.#deps)
    this.#policy = policy
    for (const endpoint of this.#endpoints.values()) endpoint.setLimits(limitsOf(policy))
  }

  /** Replaces the members; endpoints whose address stays keep their connections, the others end after their attempts. */
  setMembers(updates: readonly MemberUpdate[]): void {
    const before = this.#endpoints
    const endpoints = new Map<string, Endpoint>()
    for (const { address } of updates) {
      const key = formatAddress(address)
      if (!endpoints.has(key)) endpoints.set(key, before.get(key) ?? new Endpoint(address, limitsOf(this.#policy)))
    }
    const all = updates.flatMap((update): Member[] => {
      const endpoint = endpoints.get(formatAddress(update.address))
      return endpoint ? [{ id: update.id, endpoint, weight: update.weight, exclusion: update.exclusion }] : []
    })
    this.#endpoints = endpoints
    this.#members = { all, eligible: all.filter(({ exclusion }) => exclusion === null), known: true }
    for (const [key, endpoint] of before) if (!endpoints.has(key)) endpoint.retire()
  }

  /** The endpoint for the next attempt: not one that was tried, as long as there is another. Null: no member is eligible. */
  pick(asker: Asker, tried: readonly Endpoint[]): Endpoint | null {
    const { eligible } = this.#members
    if (tried.length === 0) return this.#balancer.pick(eligible, asker)?.endpoint ?? null
    const untried = eligible.filter(({ endpoint }) => !tried.includes(endpoint))
    return this.#balancer.pick(untried.length > 0 ? untried : eligible, asker)?.endpoint ?? null
  }

  /** Counts a failed attempt and has its endpoint probed at once, if the endpoint is to blame. */
  noteFailure(endpoint: Endpoint, { code }: Failure): void {
    this.stats.failures.set(code, (this.stats.failures.get(code) ?? 0) + 1)
    if (notOfTheEndpoint.has(code)) return
    endpoint.latency.observe(FAILED_MS, this.#deps.clock.monotonic())
    this.onTrouble?.(endpoint.key)
  }

  /** Gives attempts under way `drainMs`, then ends all connections. */
  async close(drainMs: number): Promise<void> {
    const endpoints = [...this.#endpoints.values()]
    const since = this.#deps.clock.monotonic()
    while (endpoints.some(({ inFlight }) => inFlight > 0) && this.#deps.clock.monotonic() - since < drainMs) {
      await pause(this.#deps.clock, 20)
    }
    await Promise.all(endpoints.map((endpoint) => endpoint.destroy()))
  }
}

function limitsOf({ maxConnections, maxQueued, timeouts }: UpstreamPolicy): EndpointLimits {
  return { maxConnections, maxQueued, connectMs: timeouts.connectMs }
}
