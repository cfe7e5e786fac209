import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../clock.ts'
import type { HotConfig, UpstreamConfig } from '../config/config.ts'
import { SnapshotCompiler } from '../controlplane/compile.ts'
import { tellPipeliningOff } from '../discovery/pipelining-off.ts'
import { leavingLoads, type LeavingLoads } from '../controlplane/draining/load.ts'
import { tellBreaker } from '../discovery/upstream-log.ts'
import { RunningFilters } from '../controlplane/running-filters.ts'
import { UpstreamTable, type MembersKeeper, type UpstreamRow } from '../discovery/upstream-table.ts'
import type { FilterDeps } from '../dataplane/filters/filter.ts'
import type { Gateway, GatewayDeps } from '../dataplane/gateway.ts'
import { upstreamLoad, type UpstreamLoad } from '../dataplane/upstream/upstream-load.ts'
import { upstreamMetricSources } from '../dataplane/upstream/upstream-metrics.ts'
import type { MemberUpdate } from '../dataplane/upstream/members.ts'
import { Upstream } from '../dataplane/upstream/upstream.ts'
import type { MetricSource } from '../metrics.ts'
import type { Part, PlaneState, UpstreamState } from './messages.ts'
import { sharedUpstream } from './share.ts'

/** What a data plane has seen of endpoints, for who judges them. */
export interface Verdicts {
  trouble(upstream: string, endpoint: string): void
  ejected(upstream: string, endpoint: string, forMs: number): void
}

/** The members of an upstream as the primary tells them: it probes, and it watches the registry. */
class ToldMembers implements MembersKeeper {
  readonly #upstream: Upstream
  #last: readonly MemberUpdate[] | null = null

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  take(members: readonly MemberUpdate[]): void {
    if (isDeepStrictEqual(this.#last, members)) return
    this.#last = members
    this.#upstream.setMembers(members)
  }

  // Who is healthy, near or held is decided by the primary.
  setConfig(): void {}

  close(): void {}
}

/** The data plane of a worker: it serves by what the primary tells it. Closed by the caller. */
export class DataPlane {
  /** 0: it has been told nothing yet. */
  generation = 0
  readonly #gateway: Gateway
  readonly #part: Part
  readonly #clock: Clock
  readonly #compiler = new SnapshotCompiler()
  readonly #filters: RunningFilters
  readonly #upstreams: UpstreamTable<ToldMembers>
  /** As of the last time that somebody asked who is called. */
  readonly #attempts = new WeakMap<Upstream, number>()

  constructor(
    gateway: Gateway,
    deps: GatewayDeps &
      Pick<FilterDeps, 'peers'> & { readonly part: Part; readonly drainMs: number; readonly verdicts: Verdicts },
  ) {
    const { part, drainMs, verdicts } = deps
    this.#gateway = gateway
    this.#part = part
    this.#clock = deps.clock
    this.#filters = new RunningFilters(deps)
    this.#upstreams = new UpstreamTable((config) => {
      const upstream = new Upstream(config.name, config.policy, deps)
      upstream.onTrouble = (endpoint) => verdicts.trouble(config.name, endpoint)
      upstream.onEjection = (endpoint, forMs) => verdicts.ejected(config.name, endpoint, forMs)
      tellPipeliningOff(upstream, deps.logger)
      tellBreaker(upstream, deps.logger)
      return { upstream, discovery: new ToldMembers(upstream), config }
    }, drainMs)
  }

  metricSources(): readonly MetricSource[] {
    return [
      ...this.#gateway.stats.metricSources(),
      ...upstreamMetricSources(() => [...this.#upstreams.rows].map(({ upstream }) => upstream)),
    ]
  }

  /** What each upstream has to do, by its name. */
  loads(): Readonly<Record<string, UpstreamLoad>> {
    return Object.fromEntries([...this.#upstreams.rows].map(({ upstream }) => [upstream.name, upstreamLoad(upstream)]))
  }

  /** Upstreams that have been called since this was last asked, or have something under way. */
  takeCalled(): readonly string[] {
    const rows = [...this.#upstreams.rows]
    const called = rows.filter(({ upstream }) => upstream.stats.attempts !== this.#attempts.get(upstream) || upstream.isBusy)
    for (const { upstream } of rows) this.#attempts.set(upstream, upstream.stats.attempts)
    return called.map(({ upstream }) => upstream.name)
  }

  /** What is under way at instances that leave. */
  leaving(): LeavingLoads {
    return leavingLoads(this.#upstreams.rows, this.#clock.monotonic())
  }

  /** Serves by a new state from now on: one swap. */
  apply(state: PlaneState): void {
    const hot = this.#hotConfigOf(state)
    for (const { config } of state.onDemand) if (!this.#upstreams.find(config.name)) this.#upstreams.demand(this.#shared(config))
    const filters = this.#filters.reconcile(hot)
    const running = this.#upstreams.reconcile(hot)
    for (const upstream of [...state.upstreams, ...state.onDemand]) this.#setState(upstream)
    const parts = { upstreamOf: running.find, filtersOf: filters.find }
    this.#gateway.snapshot = this.#compiler.compile(hot, state.generation, parts)
    this.generation = state.generation
    running.retire()
    filters.retire()
  }

  /** Unknown names are left out: the state that names them brings their members. */
  setMembers(upstream: string, members: readonly MemberUpdate[]): void {
    this.#upstreams.find(upstream)?.discovery.take(members)
  }

  eject(upstream: string, endpoint: string, forMs: number): void {
    this.#upstreams.find(upstream)?.upstream.adoptEjection(endpoint, forMs)
  }

  /** An upstream that is not in the config any more than it was, but called. */
  demand(state: UpstreamState): Upstream {
    const { config } = state
    const row = this.#upstreams.find(config.name) ?? this.#upstreams.demand(this.#shared(config))
    this.#setState(state)
    return row.upstream
  }

  forget(upstream: string): void {
    this.#upstreams.forget(upstream)
  }

  /** The upstream of that name, if it has somebody to call. */
  findCallable(name: string): Upstream | null {
    const row: UpstreamRow<ToldMembers> | null = this.#upstreams.find(name) ?? this.#upstreams.findAnyCase(name)
    return row && row.upstream.members.eligible.length > 0 ? row.upstream : null
  }

  async close(): Promise<void> {
    await this.#upstreams.close()
    this.#filters.close()
  }

  #setState({ config, members, ejected }: UpstreamState): void {
    if (members) this.setMembers(config.name, members)
    for (const [endpoint, forMs] of Object.entries(ejected)) this.eject(config.name, endpoint, forMs)
  }

  #hotConfigOf({ routes, upstreams, onDemand, mesh }: PlaneState): HotConfig {
    const demanded = new Map(onDemand.map(({ config }) => [config.name, config]))
    return {
      routes,
      upstreams: upstreams.map(({ config }) => this.#shared(config)),
      tasks: [],
      mesh,
      defaultUpstream: (name) => {
        const config = demanded.get(name)
        const row = config ? null : this.#upstreams.find(name)
        if (config) return this.#shared(config)
        if (row) return row.config
        throw new Error(`upstream ${name} is used but was not told`)
      },
    }
  }

  #shared(config: UpstreamConfig): UpstreamConfig {
    return sharedUpstream(config, this.#part)
  }
}
