import { isDeepStrictEqual } from 'node:util'
import type { HotConfig, UpstreamConfig } from '../config/config.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'
import type { Discovery } from './discovery.ts'

/** What keeps the members of an upstream true. */
export interface MembersKeeper {
  /** Takes another config of the same source. */
  setConfig(next: UpstreamConfig, before: UpstreamConfig): void
  close(): void
}

/** A running upstream with what keeps its members true. */
export interface UpstreamRow<Keeper extends MembersKeeper = Discovery> {
  readonly upstream: Upstream
  readonly discovery: Keeper
  readonly config: UpstreamConfig
}

/** Starts an upstream. */
export type StartUpstream<Keeper extends MembersKeeper> = (config: UpstreamConfig) => UpstreamRow<Keeper>

/**
 * The running upstreams by name. Their state (connections, health, in-flight) is keyed by name and address and survives every reload
 * that keeps the name and the source of the instances.
 */
export class UpstreamTable<Keeper extends MembersKeeper = Discovery> {
  readonly #start: StartUpstream<Keeper>
  readonly #drainMs: number
  #rows: ReadonlyMap<string, UpstreamRow<Keeper>> = new Map()
  /** Names that the config in force uses. */
  #configured: ReadonlySet<string> = new Set()
  /** Names that the mesh asked for: they stay while the config changes around them. */
  readonly #onDemand = new Set<string>()

  constructor(start: StartUpstream<Keeper>, drainMs: number) {
    this.#start = start
    this.#drainMs = drainMs
  }

  get rows(): Iterable<UpstreamRow<Keeper>> {
    return this.#rows.values()
  }

  find(name: string): UpstreamRow<Keeper> | null {
    return this.#rows.get(name) ?? null
  }

  /** Like {@link find}, without regard to case. */
  findAnyCase(name: string): UpstreamRow<Keeper> | null {
    const lower = name.toLowerCase()
    for (const [other, row] of this.#rows) if (other.toLowerCase() === lower) return row
    return null
  }

  /** Makes the running upstreams those of a config; what is gone stays alive until `retire` is called, after the new snapshot serves. */
  reconcile(hot: HotConfig): { readonly find: (name: string) => Upstream; readonly retire: () => void } {
    const before = this.#rows
    const configured = configuredBy(hot)
    const onDemand = [...this.#onDemand].filter((name) => !configured.has(name)).map((name) => this.#demanded(name, hot))
    const next = new Map([...configured.values(), ...onDemand].map((config) => [config.name, this.#rowFor(config)]))
    this.#rows = next
    this.#configured = new Set(configured.keys())
    const retire = (): void => {
      for (const [name, row] of before) if (next.get(name)?.upstream !== row.upstream) void this.#close(row)
    }
    const find = (name: string): Upstream => {
      const row = next.get(name)
      if (!row) throw new Error(`upstream ${name} is used but was not collected`)
      return row.upstream
    }
    return { find, retire }
  }

  /** The upstream of a registry service that no config names, made on first use. */
  demand(config: UpstreamConfig): UpstreamRow<Keeper> {
    this.#onDemand.add(config.name)
    const row = this.#rowFor(config)
    this.#rows = new Map([...this.#rows, [config.name, row]])
    return row
  }

  /** Ends an upstream that was made on demand; one that config has taken up since goes on. */
  forget(name: string): void {
    const row = this.#rows.get(name)
    if (!this.#onDemand.delete(name) || !row || this.#configured.has(name)) return
    this.#rows = new Map([...this.#rows].filter(([other]) => other !== name))
    void this.#close(row)
  }

  /** Ends discovery at once and gives requests under way the drain time. */
  async close(): Promise<void> {
    const rows = [...this.#rows.values()]
    this.#rows = new Map()
    await Promise.all(rows.map((row) => this.#close(row)))
  }

  async #close(row: UpstreamRow<Keeper>): Promise<void> {
    row.discovery.close()
    await row.upstream.close(this.#drainMs)
  }

  /** By the defaults of another config; where its instances come from stays. */
  #demanded(name: string, hot: HotConfig): UpstreamConfig {
    const running = this.#rows.get(name)
    return running ? { ...hot.defaultUpstream(name), source: running.config.source } : hot.defaultUpstream(name)
  }

  #rowFor(config: UpstreamConfig): UpstreamRow<Keeper> {
    const running = this.#rows.get(config.name)
    if (!running || !isDeepStrictEqual(running.config.source, config.source)) return this.#start(config)
    if (!isDeepStrictEqual(running.config.policy, config.policy)) running.upstream.setPolicy(config.policy)
    running.discovery.setConfig(config, running.config)
    return { ...running, config }
  }
}

/** Declared upstreams, and those that routes name without declaring them. */
export function configuredBy(hot: HotConfig): ReadonlyMap<string, UpstreamConfig> {
  const found = new Map(hot.upstreams.map((config) => [config.name, config]))
  for (const { upstream: name } of hot.routes.flatMap(({ to, mirror }) => [...to, ...(mirror ? [mirror] : [])])) {
    if (!found.has(name)) found.set(name, hot.defaultUpstream(name))
  }
  return found
}
