import type { Address } from '../address.ts'
import type { FilterSpec } from '../dataplane/filters/filter.ts'
import type { MeshSettings } from '../dataplane/mesh/mesh-policy.ts'
import type { RouteMatch } from '../dataplane/router/route-match.ts'
import type { SplitPolicy } from '../dataplane/split.ts'
import type { MirrorPolicy } from '../dataplane/upstream/mirror.ts'
import type { DeadlinePolicy, HedgePolicy, RetryPolicy, Timeouts, UpstreamPolicy } from '../dataplane/upstream/policy.ts'
import type { StickyPolicy } from '../dataplane/upstream/sticky.ts'
import type { HealthPolicy } from '../health/policy.ts'
import type { ListenerLimits } from '../dataplane/limits.ts'
import type { Layer } from './overlay.ts'
import type { DnsOptions } from '../registry-server/dns/options.ts'

/** The path of a value inside a document: `['routes', 1, 'match', 'path']`. */
export type ConfigPath = readonly (string | number)[]

export interface ListenerConfig {
  readonly name: string
  readonly bind: Address
  readonly mode: 'front' | 'mesh'
  /** Peers whose forwarding fields are believed: IP addresses or CIDR blocks. */
  readonly trust: readonly string[]
  readonly limits: ListenerLimits
  /** How much our own replies reveal in `Proxy-Status`. */
  readonly proxyStatus: 'off' | 'code' | 'reason'
  /** By which field, with which token, clients may see how their request goes; null: nobody may. */
  readonly debug: { readonly header: string; readonly token: string } | null
}

export type RegistryConfig =
  | {
      readonly kind: 'embedded'
      readonly http: Address
      /** null: DNS is off. */
      readonly dns: DnsOptions | null
      readonly data: string
      readonly node: string | null
      readonly datacenter: string
      readonly token: string | null
      readonly readToken: string | null
      /** Files in PEM form. */
      readonly tls: { readonly cert: string; readonly key: string } | null
      readonly enableScripts: boolean
    }
  | {
      readonly kind: 'consul'
      readonly address: string
      readonly token: string | null
      readonly datacenter: string | null
      /** Folder for what the registry said last; null: nothing is kept. */
      readonly state: string | null
      /** Whether answers tell how old our knowledge is while the registry is away. */
      readonly ageHeader: boolean
    }

/** When instances that the registry drops stay for a while. */
export interface BrakePolicy {
  /** The share of a service's instances that may leave in one update, 0 … 1; if more do, they are held. 1: nothing is ever held. */
  readonly aboveRatio: number
  /** For so long at the most, ms. */
  readonly holdMs: number
}

/** Parts of a policy that a level sets; what it does not set comes from the level above. */
export interface AttemptOverrides {
  readonly timeouts?: Layer<Timeouts>
  readonly retry?: Layer<RetryPolicy>
  readonly deadline?: Layer<DeadlinePolicy> | 'off'
  readonly hedge?: Layer<HedgePolicy> | 'off'
}

/** One part of a route's traffic. */
export interface RouteShare {
  readonly upstream: string
  readonly weight: number
  /** What `split.force` and KV call it; absent: the name of the upstream. */
  readonly name?: string | undefined
  /** Only instances with these tags or meta; absent: all. */
  readonly where?: Readonly<Record<string, string>> | undefined
}

export interface RouteConfig extends AttemptOverrides {
  readonly name: string
  readonly match: RouteMatch
  readonly filters: readonly FilterSpec[]
  readonly to: readonly RouteShare[]
  readonly split?: SplitPolicy | undefined
  readonly mirror?: RouteMirror | undefined
  readonly sticky?: StickyPolicy | undefined
}

/** Where copies of a route's requests go. */
export interface RouteMirror {
  readonly upstream: string
  readonly where?: Readonly<Record<string, string>> | undefined
  readonly policy: MirrorPolicy
}

/** Who gets the traffic of a route, in place of the weights that the route has. */
export interface SplitWeights {
  /** Of the route. */
  readonly name: string
  /** By destination; one that is not here gets nothing. */
  readonly weights: Readonly<Record<string, number>>
}

/** A fixed address with what the registry would tell of it. */
export interface StaticInstance {
  readonly address: Address
  /** ≥ 1 */
  readonly weight: number
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
}

/** Which instances are near. */
export interface ZoneConfig {
  /** Of this gateway; null: the zone of the registry's own node. */
  readonly own: string | null
  /** The key of an instance's meta, or else of its node's, that holds its zone. */
  readonly key: string
}

/** An upstream with every value filled in: upstream over defaults over built-in. */
export interface UpstreamConfig {
  readonly name: string
  /** Where the instances come from. */
  readonly source:
    /** `datacenter` absent: the registry's own. */
    | { readonly kind: 'service'; readonly service: string; readonly datacenter?: string }
    | { readonly kind: 'static'; readonly instances: readonly StaticInstance[] }
  readonly policy: UpstreamPolicy
  /** null: all are near. */
  readonly zone: ZoneConfig | null
  readonly health: HealthPolicy
  readonly brake: BrakePolicy
}

/** Services that may declare routes of their own in the registry, and which. */
export interface RegisteredRoutesConfig {
  /** Of two services that claim the same, the one that an earlier rule allows has it. */
  readonly allow: readonly ClaimRule[]
  /** In all. */
  readonly most: number
  /** So long the routes of a service stay after its last instance, ms. */
  readonly lingerMs: number
}

/** What some services may claim. */
export interface ClaimRule {
  /** A name; with a star at its end: all that begin so. */
  readonly service: string
  /** A claim has to be a part of it. */
  readonly match: Pick<RouteMatch, 'host' | 'path'>
}

export interface ServiceConfig {
  readonly id: string
  readonly name: string
  readonly address: Address
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly check: {
    readonly kind: 'http' | 'tcp'
    readonly path: string
    readonly everyMs: number
    readonly timeoutMs: number
  } | null
}

export interface TaskConfig {
  readonly name: string
  readonly cron: string
  /** IANA name; the default is UTC. */
  readonly timezone: string
  /** Of one attempt. */
  readonly timeoutMs: number
  /** A fire begins up to so much after its planned time. */
  readonly jitterMs: number
  /** What becomes of a fire while the run before it lasts. */
  readonly overlap: 'skip' | 'queue'
  /** What becomes of fires that were missed, or that a gateway died with. */
  readonly catchUp: 'off' | 'once' | 'each'
  /** No attempt begins later than so long after the planned time. */
  readonly startWithinMs: number
  readonly retry: TaskRetry
  readonly kind: string
  readonly options: unknown
}

export interface TaskRetry {
  /** In all; 1 is no retry. */
  readonly attempts: number
  /** Before the second attempt; doubles with each one. */
  readonly backoffMs: number
  readonly maxBackoffMs: number
}

/** What tasks may do on the machine of this gateway. */
export interface MachineConfig {
  /** Programs, by their whole path. */
  readonly exec: readonly string[]
  /** Names of the variables that tasks may set for them. */
  readonly execEnv: readonly string[]
  /** A folder. */
  readonly backups: string
}

/** How calls between services by name go. */
export interface MeshConfig extends MeshSettings {
  /** Whether services without token that rules name are known by their addresses. */
  readonly byAddress: boolean
  /** A service that nobody has called by name for so long is not followed any more, ms. */
  readonly idleMs: number
  /** Services that are followed only because they are called by name. */
  readonly maxServices: number
}

/** What one source of config says of it. */
export type MeshLayer = NonNullable<Layer<MeshConfig>>

/** What can change while the gateway runs. */
export interface HotConfig {
  readonly routes: readonly RouteConfig[]
  /** The declared ones. A route may also name a registry service that is not here: it gets `defaultUpstream(name)`. */
  readonly upstreams: readonly UpstreamConfig[]
  readonly tasks: readonly TaskConfig[]
  readonly mesh: MeshConfig
  /** An upstream of that name with nothing but defaults. */
  defaultUpstream(name: string): UpstreamConfig
}

/** What needs a restart. */
export interface ColdConfig {
  readonly listeners: readonly ListenerConfig[]
  readonly admin: { readonly bind: Address }
  readonly registry: RegistryConfig
  readonly kv: { readonly prefix: string }
  readonly services: readonly ServiceConfig[]
  readonly machine: MachineConfig
  /** Processes that serve; `auto`: as many as there are cores. */
  readonly workers: number | 'auto'
  readonly shutdown: { readonly graceMs: number; readonly drainMs: number }
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
    readonly format: 'auto' | 'json' | 'text'
    readonly access: boolean
  }
}

export interface GatewayConfig {
  readonly cold: ColdConfig
  readonly hot: HotConfig
}
