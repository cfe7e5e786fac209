import { systemClock, systemRandom, type Clock, type Random } from '../../src/clock.ts'
import { createLogger } from '../../src/logging.ts'
import type { AccessRecord } from '../../src/dataplane/access-log.ts'
import { FilterChain } from '../../src/dataplane/filters/filter-chain.ts'
import type { Filter } from '../../src/dataplane/filters/filter.ts'
import { Gateway } from '../../src/dataplane/gateway.ts'
import type { ListenerLimits } from '../../src/dataplane/limits.ts'
import { startListener, type Listener } from '../../src/dataplane/listener/listener.ts'
import type { DebugOptions } from '../../src/dataplane/listener/debug-token.ts'
import type { ProxyStatusLevel } from '../../src/dataplane/exchange.ts'
import type { RouteMatch } from '../../src/dataplane/router/route-match.ts'
import { compileRouter } from '../../src/dataplane/router/router.ts'
import type { Destination, Route } from '../../src/dataplane/snapshot.ts'
import { Split, type SplitPolicy } from '../../src/dataplane/split.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import { upstreamPolicy, type PolicyParts } from './upstream-policy.ts'

export interface TestRoute {
  readonly name: string
  readonly match: RouteMatch
  readonly filters?: readonly Filter[]
  /** Upstream name → weight. */
  readonly to: Readonly<Record<string, number>>
}

export interface DataPlaneOptions {
  /** Name → ports of its instances on 127.0.0.1. */
  readonly upstreams: Readonly<Record<string, readonly number[]>>
  /** Default: everything to the first upstream. */
  readonly routes?: readonly TestRoute[]
  readonly policy?: PolicyParts
  readonly limits?: Partial<ListenerLimits>
  readonly trust?: readonly string[]
  readonly proxyStatus?: ProxyStatusLevel
  readonly debug?: DebugOptions
  readonly clock?: Clock
  readonly random?: Random
  /** Keeps no log, for who looks at the memory. */
  readonly isQuiet?: boolean
}

/** A gateway with one listener, no config and no registry. */
export interface TestDataPlane {
  readonly port: number
  /** `http://127.0.0.1:port` */
  readonly url: string
  readonly gateway: Gateway
  readonly listener: Listener
  readonly upstreams: ReadonlyMap<string, Upstream>
  /** The access log so far. */
  readonly access: readonly AccessRecord[]
  /** Everything logged so far, as text. */
  log(): string
  /** Upstream names with the endpoints they had trouble with. */
  readonly troubles: readonly string[]
  /** Replaces an upstream's instances. */
  setPorts(upstream: string, ports: readonly number[]): void
  /** Attempts and tunnels under way at all endpoints of all upstreams, those that left the members aside. */
  inFlight(): number
  close(): Promise<void>
}

/** Starts it on a free port. The caller closes it. */
export async function startDataPlane(options: DataPlaneOptions): Promise<TestDataPlane> {
  const { clock = systemClock, random = systemRandom, trust = [], proxyStatus = 'off' } = options
  const lines: string[] = []
  const logger = createLogger(options.isQuiet ? 'error' : 'debug', { write: (line) => void lines.push(line) })
  const troubles: string[] = []
  const policy = upstreamPolicy(options.policy)
  const upstreams = new Map<string, Upstream>()
  for (const [name, ports] of Object.entries(options.upstreams)) {
    const upstream = new Upstream(name, policy, { clock, random })
    upstream.onTrouble = (endpointKey) => void troubles.push(`${name} ${endpointKey}`)
    upstream.setMembers(membersOf(ports))
    upstreams.set(name, upstream)
  }
  const gateway = new Gateway({ clock, random, logger, accessLog: !options.isQuiet })
  const routes = routesOf(options, upstreams)
  gateway.snapshot = { generation: 1, routes, router: compileRouter(routes) }
  const listener = await startListener({
    name: 'listeners.test',
    bind: { host: '127.0.0.1', port: 0 },
    limits: { ...defaultLimits, ...options.limits },
    trust,
    proxyStatus,
    debug: options.debug ?? null,
    clock,
    random,
    logger,
    serve: gateway.serve,
  })
  return {
    port: listener.address.port,
    url: `http://127.0.0.1:${listener.address.port}`,
    gateway,
    listener,
    upstreams,
    troubles,
    log: () => lines.join(''),
    get access() {
      return lines.map((line) => JSON.parse(line) as AccessRecord & { event: string }).filter(({ event }) => event === 'access')
    },
    setPorts: (name, ports) => upstreams.get(name)?.setMembers(membersOf(ports)),
    inFlight: () =>
      [...upstreams.values()].flatMap(({ members }) => members.all).reduce((sum, { endpoint }) => sum + endpoint.inFlight, 0),
    close: async () => {
      await listener.close(0)
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close(0)))
    },
  }
}

export const defaultLimits: ListenerLimits = {
  headBytes: 16_384,
  headerCount: 100,
  firstByteTimeoutMs: 10_000,
  headTimeoutMs: 10_000,
  requestTimeoutMs: 0,
  bodyBytesPerSecond: 0,
  keepAliveMs: 65_000,
  connections: 1_000,
}

function routesOf(options: DataPlaneOptions, upstreams: ReadonlyMap<string, Upstream>): readonly Route[] {
  const first = Object.keys(options.upstreams)[0] ?? ''
  const routes = options.routes ?? [{ name: 'all', match: { path: '/*' }, to: { [first]: 1 } }]
  return routes.map(({ name, match, filters = [], to }) => ({
    name,
    match,
    filters: new FilterChain(filters),
    ...dividedOver(
      Object.entries(to).map(([upstreamName, weight]) => {
        const upstream = upstreams.get(upstreamName)
        if (!upstream) throw new Error(`the test names no upstream "${upstreamName}"`)
        return { name: upstreamName, upstream, picker: upstream, weight, policy: upstream.policy }
      }),
    ),
  }))
}

/** The part of a route that says where its traffic goes. */
export function dividedOver(to: readonly Destination[], policy?: SplitPolicy): Pick<Route, 'to' | 'split'> {
  return { to, split: new Split(to, policy) }
}

function membersOf(ports: readonly number[]) {
  return ports.map((port) => ({ id: `i-${port}`, address: { host: '127.0.0.1', port }, weight: 1, exclusion: null }))
}
