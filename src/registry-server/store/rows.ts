/** What the registry stores, one row type per table. Rows are never edited in place: a change is a new row. */

export interface KvRow {
  readonly key: string
  readonly value: Buffer
  /** uint64: Go's locks mark their keys with values above 2^53. */
  readonly flags: bigint
  readonly lockIndex: bigint
  /** The holder's session id, or empty. */
  readonly session: string
  readonly createIndex: bigint
  readonly modifyIndex: bigint
}

/** What is left of a deleted key, so that the index of a prefix does not fall when its newest key goes. */
export interface TombstoneRow {
  readonly key: string
  readonly index: bigint
  /** Wall time of the deletion, ms. */
  readonly at: number
}

/** A key that may not be locked until then, wall time in ms. */
export interface LockDelayRow {
  readonly key: string
  readonly until: number
}

export type TextMap = Readonly<Record<string, string>>

export interface NodeRow {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly taggedAddresses: TextMap | null
  readonly meta: TextMap | null
  readonly createIndex: bigint
  readonly modifyIndex: bigint
}

export interface ServiceAddress {
  readonly Address: string
  readonly Port: number
}

export interface ServiceRow {
  readonly node: string
  readonly id: string
  readonly name: string
  readonly tags: readonly string[]
  readonly address: string
  readonly port: number
  readonly meta: TextMap | null
  readonly taggedAddresses: Readonly<Record<string, ServiceAddress>> | null
  readonly enableTagOverride: boolean
  readonly weights: { readonly Passing: number; readonly Warning: number }
  readonly kind: string
  /** What a proxy of a mesh says of itself; it is kept for its readers, and nothing here runs it. */
  readonly proxy?: Proxy
  /** Whether the service speaks the mesh's protocol itself. */
  readonly isNative?: boolean
  /** Whether it was registered as the sidecar of another one, and goes with that. */
  readonly isSidecar?: boolean
  readonly createIndex: bigint
  readonly modifyIndex: bigint
}

/** As Consul writes it, without the fields that are empty. */
export interface Proxy {
  readonly DestinationServiceName?: string
  readonly DestinationServiceID?: string
  readonly LocalServiceAddress?: string
  readonly LocalServicePort?: number
  readonly Config?: Readonly<Record<string, unknown>>
  readonly Upstreams?: readonly ProxyUpstream[]
  readonly MeshGateway: { readonly Mode?: string }
  readonly Expose: { readonly Checks?: boolean; readonly Paths?: readonly ExposedPath[] }
}

export interface ProxyUpstream {
  readonly DestinationType: string
  readonly DestinationNamespace?: string
  readonly DestinationName: string
  readonly Datacenter: string
  readonly LocalBindAddress?: string
  readonly LocalBindPort: number
  readonly Config: Readonly<Record<string, unknown>> | null
  readonly MeshGateway: { readonly Mode?: string }
}

export interface ExposedPath {
  readonly ListenerPort?: number
  readonly Path?: string
  readonly LocalPathPort?: number
  readonly Protocol?: string
  readonly ParsedFromCheck: boolean
}

export type CheckStatus = 'passing' | 'warning' | 'critical'

export interface CheckRow {
  readonly node: string
  readonly id: string
  readonly name: string
  readonly status: CheckStatus
  readonly notes: string
  readonly output: string
  /** Empty: a check of the node itself. */
  readonly serviceId: string
  readonly serviceName: string
  readonly serviceTags: readonly string[]
  readonly type: string
  /** What a check that was registered in the catalog says about itself; it is kept for its readers and not run. */
  readonly definition?: Readonly<Record<string, unknown>>
  readonly createIndex: bigint
  readonly modifyIndex: bigint
}

/** How the registry finds out the status of a check of its own node. */
export interface CheckDefinition {
  readonly id: string
  readonly kind: 'ttl' | 'http' | 'tcp' | 'grpc' | 'script' | 'docker' | 'alias'
  /** URL (http), `host:port` (tcp), `host:port[/service]` (grpc), the id of a service or empty for its node (alias), else empty. */
  readonly target: string
  /** Program and arguments (script). */
  readonly args?: readonly string[]
  /** Whether a grpc check speaks TLS. */
  readonly useTls?: boolean
  /** The node of an alias check's target; the registry's own if empty. */
  readonly aliasNode?: string
  readonly method: string
  readonly header: Readonly<Record<string, readonly string[]>>
  readonly body: string
  readonly tlsSkipVerify: boolean
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly ttlMs: number
  readonly successBeforePassing: number
  readonly failuresBeforeCritical: number
  readonly outputMaxBytes: number
  /** 0: the service stays, however long it is critical. */
  readonly deregisterAfterMs: number
}

export interface SessionRow {
  readonly id: string
  readonly name: string
  readonly node: string
  readonly lockDelayNs: number
  readonly behavior: 'release' | 'delete'
  /** As the client wrote it: `10s`, or empty. */
  readonly ttl: string
  readonly ttlMs: number
  /** Wall time of the last renewal, ms: it tells what is left of the TTL after a restart. */
  readonly renewedAt?: number
  readonly nodeChecks: readonly string[]
  /** Further checks, as clients name them that know no `NodeChecks`. */
  readonly checks?: readonly string[]
  readonly serviceChecks: readonly { readonly ID: string; readonly Namespace: string }[] | null
  readonly createIndex: bigint
  readonly modifyIndex: bigint
}
