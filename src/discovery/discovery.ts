import { isDeepStrictEqual } from 'node:util'
import { formatAddress } from '../address.ts'
import type { Clock, Random } from '../clock.ts'
import type { UpstreamConfig, ZoneConfig } from '../config/config.ts'
import type { Exclusion, Member, MemberUpdate } from '../dataplane/upstream/members.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'
import { formatDurationMs } from '../durations.ts'
import type { GatewayError } from '../errors.ts'
import type { Logger } from '../logging.ts'
import { InstanceList } from './instance-list.ts'
import { isCallable, zoneOf, type Listed } from './listed.ts'
import type { Drains } from './draining/drain-list.ts'
import { DrainedInstances } from './draining/drained-instances.ts'
import { InstanceCheckers } from './instance-checkers.ts'
import { InstanceHistory } from './instance-history.ts'
import type { InstanceView } from './instance-view.ts'
import { tellPipeliningOff } from './pipelining-off.ts'
import type { OwnNode } from './own-node.ts'
import type { ProbeExchange } from './shared-probes/probe-exchange.ts'
import type { ServiceWatches } from './service-watches.ts'
import { logEjection, tellBreaker } from './upstream-log.ts'
import { Waiters } from './waiters.ts'

/** Who is told of what happens to the members of all upstreams: the data planes in other processes have to follow. */
export interface MembersFollower {
  members(upstream: string, members: readonly MemberUpdate[]): void
  ejected(upstream: string, endpointKey: string, forMs: number): void
  /** The upstream has no more discovery. */
  closed(upstream: string): void
}

export interface DiscoveryDeps {
  readonly watches: ServiceWatches
  /** Who is to get no new requests; absent: nobody is ever drained. */
  readonly drains?: Drains
  /** With whom probes are shared; absent: nobody. */
  readonly exchange?: ProbeExchange
  readonly ownNode: Pick<OwnNode, 'metaOf' | 'whenKnown'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly follower?: MembersFollower | undefined
}

/**
 * Keeps one upstream's members true: what the registry lists (or config, for a static upstream) joined with what our own probes say.
 * A checker lives exactly as long as its address is listed. An error of the registry changes nothing here. Started once, closed by the caller.
 */
export class Discovery {
  readonly #upstream: Upstream
  readonly #deps: DiscoveryDeps
  readonly #list: InstanceList
  readonly #checkers: InstanceCheckers
  #zone: ZoneConfig | null
  readonly #history: InstanceHistory
  #forgetNode: () => void = () => {}
  readonly #drained: DrainedInstances
  #published: readonly MemberUpdate[] | null = null
  readonly #untilSettled = new Waiters()
  readonly #untilCallable = new Waiters()

  constructor(upstream: Upstream, config: UpstreamConfig, deps: DiscoveryDeps) {
    this.#upstream = upstream
    this.#deps = deps
    this.#zone = config.zone
    this.#drained = new DrainedInstances(deps.drains, config, () => this.#follow())
    this.#history = new InstanceHistory(deps.clock)
    const { watches, exchange, clock, random, logger } = deps
    const { name, health: policy } = config
    const onChange = (): void => this.#followVerdict()
    this.#checkers = new InstanceCheckers({ upstream: name, policy, exchange, clock, random, logger, onChange })
    const verdict = {
      isEligible: (instance: Listed) => isCallable(instance) && this.#exclusionOf(instance) === null,
      isFailing: ({ address }: Listed) => this.#checkers.stateOf(address) === 'unhealthy',
    }
    this.#list = new InstanceList({ config, watches, clock, logger, verdict, onChange: () => this.#follow() })
  }

  start(): this {
    this.#followNode()
    this.#upstream.onTrouble = (endpointKey) => this.#checkers.get(endpointKey)?.probeNow()
    this.#upstream.onMembers = ({ all }) => this.#history.follow(all, (member) => this.#reasonOf(member))
    this.#upstream.onEjection = (address, forMs, reason) => {
      logEjection(this.#deps.logger, { upstream: this.#upstream.name, address, forMs, reason })
      this.#deps.follower?.ejected(this.#upstream.name, address, forMs)
    }
    tellPipeliningOff(this.#upstream, this.#deps.logger)
    tellBreaker(this.#upstream, this.#deps.logger)
    this.#list.start()
    return this
  }

  /** The members as the data plane has them; null: the registry has not answered yet. */
  get published(): readonly MemberUpdate[] | null {
    return this.#published
  }

  /** Null: static, or the registry has not answered yet. */
  get freshSince(): number | null {
    return this.#list.freshSince
  }

  /** The last failure of the registry for this upstream, if nothing succeeded since. */
  get lastError(): GatewayError | null {
    return this.#list.lastError
  }

  /** Whether the instances are those of a former process, since the registry has not answered this one yet. */
  get isFromDisk(): boolean {
    return this.#list.isFromDisk
  }

  /** How many instances stay though the registry has dropped them. */
  get held(): number {
    return this.#list.held
  }

  /** Probes that this replica has sent, and instances whose verdict is from other replicas' probes. */
  get probing(): { readonly sent: number; readonly believed: number } {
    return { sent: this.#checkers.probes, believed: this.#checkers.believed }
  }

  /** The other replicas whose probes decide on an address; none: this one's. */
  seenBy(endpointKey: string): readonly string[] {
    return this.#checkers.believedOf(endpointKey)
  }

  /** True once the instances are known and each has had its first probe: before that a "no" means "not yet". */
  get isSettled(): boolean {
    return this.#drained.isKnown && this.#list.instances !== null && this.#checkers.areSettled
  }

  /** Resolves when {@link isSettled} becomes true, at close, or when the caller no longer wants to wait. */
  whenSettled(enough: AbortSignal): Promise<void> {
    return this.isSettled ? Promise.resolve() : this.#untilSettled.wait(enough)
  }

  /** Like {@link whenSettled}, or sooner: as soon as one instance may be called. */
  whenCallable(enough: AbortSignal): Promise<void> {
    return this.isSettled || this.#hasEligible ? Promise.resolve() : this.#untilCallable.wait(enough)
  }

  /** Takes what differs. */
  setConfig({ health, zone, brake }: UpstreamConfig, before: UpstreamConfig): void {
    if (!isDeepStrictEqual(before.health, health)) this.#checkers.setPolicy(health)
    if (!isDeepStrictEqual(before.zone, zone)) this.setZone(zone)
    this.#list.setBrake(brake)
  }

  /** Judges anew who is near. */
  setZone(zone: ZoneConfig | null): void {
    this.#zone = zone
    this.#followNode()
    this.#publish()
  }

  view(): readonly InstanceView[] {
    const now = this.#deps.clock.monotonic()
    const called = new Set(this.#upstream.members.preferred.map(({ endpoint }) => endpoint.key))
    return (this.#list.instances ?? []).map((listed) => {
      const checker = this.#checkers.get(formatAddress(listed.address))
      const ejectedForMs = this.#upstream.ejectedForMs(formatAddress(listed.address))
      const own = this.#exclusionOf(listed) ?? (ejectedForMs === null ? null : 'ejected')
      const exclusion = isCallable(listed) ? own : 'bad_address'
      return {
        id: listed.id,
        address: formatAddress(listed.address),
        weight: listed.weight,
        eligible: exclusion === null,
        standby: exclusion === null && !called.has(formatAddress(listed.address)),
        zone: this.#zone && zoneOf(listed, this.#zone),
        exclusion,
        pipeliningOff: this.#upstream.pipeliningOf(formatAddress(listed.address))?.offBecause ?? null,
        ejectedForMs: ejectedForMs === null ? null : Math.round(ejectedForMs),
        ejectedFor: ejectedForMs === null ? null : this.#upstream.whyEjected(formatAddress(listed.address)),
        registry: listed.status,
        history: this.#history.of(listed.id, formatAddress(listed.address)),
        held: listed.held,
        probe: {
          state: checker?.state ?? 'unknown',
          detail: checker?.detail ?? '',
          sinceMs: Math.round(now - (checker?.since ?? now)),
          by: this.seenBy(formatAddress(listed.address)),
        },
      }
    })
  }

  close(): void {
    this.#list.close()
    this.#forgetNode()
    this.#drained.close()
    this.#checkers.close()
    this.#deps.follower?.closed(this.#upstream.name)
    this.#resolveSettled()
  }

  /** Goes on with what is listed now. */
  #follow(): void {
    const listed = this.#list.instances ?? []
    // What is known of those who come back is from before they were changed: they have to pass a probe anew.
    const returning = this.#drained.takeReturning(listed)
    this.#checkers.follow(
      listed.filter(isCallable).map(({ address }) => address),
      returning,
    )
    this.#publish()
  }

  #followVerdict(): void {
    this.#list.judge()
    this.#publish()
  }

  #publish(): void {
    const listedNow = this.#list.instances
    if (!listedNow) return
    const next = listedNow.filter(isCallable).map((listed) => {
      const { id, address, weight, tags, meta } = listed
      const exclusion = this.#exclusionOf(listed)
      const detail = exclusion === 'probe_failing' ? this.#checkers.reasonOf(address) : undefined
      return { id, address, weight, tags, meta, isNear: this.#isNear(listed), exclusion, detail }
    })
    const isNew = !this.#published || !isDeepStrictEqual(this.#published, next)
    this.#published = next
    if (isNew) {
      this.#upstream.setMembers(next)
      this.#deps.follower?.members(this.#upstream.name, next)
    }
    if (this.isSettled) this.#resolveSettled()
    else if (this.#hasEligible) this.#untilCallable.release()
  }

  #exclusionOf(listed: Listed): Exclusion | null {
    const { address, status, weight } = listed
    if (status === 'maintenance') return 'maintenance'
    if (this.#drained.has(listed)) return 'draining'
    if (!this.#drained.isKnown) return 'unprobed'
    if (status === 'critical') return 'registry_critical'
    const state = this.#checkers.stateOf(address)
    if (state === 'unknown') return 'unprobed'
    if (state === 'unhealthy') return 'probe_failing'
    return weight > 0 ? null : 'weight_zero'
  }

  #reasonOf({ exclusion, endpoint }: Member): string {
    const forMs = exclusion === 'ejected' ? this.#upstream.ejectedForMs(endpoint.key) : null
    if (forMs !== null) return `failed too many requests: out for ${formatDurationMs(Math.round(forMs))}`
    return this.#checkers.get(endpoint.key)?.detail ?? ''
  }

  /** The registry's node may be what says in which zone we are. */
  #followNode(): void {
    this.#forgetNode()
    const asks = this.#zone !== null && this.#zone.own === null
    this.#forgetNode = asks ? this.#deps.ownNode.whenKnown(() => this.#publish()) : () => {}
  }

  #isNear(listed: Listed): boolean {
    if (!this.#zone) return true
    const own = this.#zone.own ?? this.#deps.ownNode.metaOf(this.#zone.key)
    return own === null || zoneOf(listed, this.#zone) === own
  }

  get #hasEligible(): boolean {
    return this.#upstream.members.eligible.length > 0
  }

  #resolveSettled(): void {
    this.#untilSettled.release()
    this.#untilCallable.release()
  }
}
