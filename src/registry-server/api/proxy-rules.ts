import { isIPv6 } from 'node:net'
import type { Proxy, ProxyUpstream, ServiceRow } from '../store/rows.ts'

/** What Consul demands of the proxies and gateways of its service mesh, in its words and in its order. */

const gateways: readonly string[] = ['mesh-gateway', 'terminating-gateway', 'ingress-gateway']

/** A sidecar as far as the rules look at it. */
export interface NestedSidecar {
  readonly ID?: string
  readonly Connect?: { readonly SidecarService?: unknown }
}

type MeshService = Pick<ServiceRow, 'kind' | 'port' | 'proxy' | 'isNative'>

export function isMeshKind(kind: string): boolean {
  return kind === 'connect-proxy' || gateways.includes(kind)
}

/** Why a service is refused: the text of all reasons, or null. */
export function meshProblem(service: MeshService, sidecar: NestedSidecar | undefined): string | null {
  const reasons = [...proxyReasons(service), ...gatewayReasons(service, sidecar), ...sidecarReasons(sidecar)]
  if (reasons.length === 0) return null
  const title = reasons.length === 1 ? '1 error occurred' : `${reasons.length} errors occurred`
  return `${title}:\n${reasons.map((reason) => `\t* ${reason}\n`).join('')}\n`
}

function* proxyReasons({ kind, port, proxy, isNative }: MeshService): Generator<string> {
  if (kind !== 'connect-proxy') return
  if (!proxy?.DestinationServiceName?.trim()) {
    yield 'Proxy.DestinationServiceName must be non-empty for Connect proxy services'
  }
  if (port === 0) yield 'Port must be set for a Connect proxy'
  if (isNative) yield 'A Proxy cannot also be Connect Native, only typical services'
  yield* upstreamReasons(proxy?.Upstreams ?? [])
  yield* pathReasons(proxy?.Expose.Paths ?? [])
}

function* upstreamReasons(upstreams: readonly ProxyUpstream[]): Generator<string> {
  const keys = new Set<string>()
  const addresses = new Set<string>()
  for (const upstream of upstreams) {
    const reason = upstreamReason(upstream) ?? repeated(keys, keyOf(upstream)) ?? repeated(addresses, addressOf(upstream))
    if (reason !== null) yield reason
  }
}

function upstreamReason({ DestinationType: type, DestinationName: name, LocalBindPort: port }: ProxyUpstream): string | null {
  if (type !== '' && type !== 'service' && type !== 'prepared_query') {
    return `unknown upstream destination type: ${JSON.stringify(type)}`
  }
  if (name === '') return 'upstream destination name cannot be empty'
  return port === 0 ? 'upstream local bind port cannot be zero' : null
}

function keyOf(upstream: ProxyUpstream): string {
  const { DestinationType: type, DestinationName: name, DestinationNamespace: namespace = '', Datacenter: datacenter } = upstream
  const fields = { type, name, namespace, datacenter }
  const key = Object.entries(fields).map(([field, value]) => `${field}=${JSON.stringify(value)}`)
  return `upstreams cannot contain duplicates of [${key.join(', ')}]`
}

function addressOf({ LocalBindAddress: address = '127.0.0.1', LocalBindPort: port }: ProxyUpstream): string {
  const bound = JSON.stringify(`${isIPv6(address) ? `[${address}]` : address}:${port}`)
  return `upstreams cannot contain duplicates by local bind address and port; ${bound} is specified twice`
}

/** The reason when it has been there before. */
function repeated(seen: Set<string>, reason: string): string | null {
  if (seen.has(reason)) return reason
  seen.add(reason)
  return null
}

const greatestPort = 65_535

function* pathReasons(exposed: NonNullable<Proxy['Expose']['Paths']>): Generator<string> {
  const paths = new Set<string>()
  const ports = new Set<number>()
  for (const { Path: path = '', ListenerPort: port = 0, Protocol: protocol = '' } of exposed) {
    if (path === '') yield 'expose.paths: empty path exposed'
    if (paths.has(path)) yield 'expose.paths: duplicate paths exposed'
    if (ports.has(port)) yield 'expose.paths: duplicate listener ports exposed'
    if (port <= 0 || port > greatestPort) yield `expose.paths: invalid listener port: ${port}`
    if (!['', 'http', 'http2'].includes(protocol.toLowerCase())) {
      yield `protocol '${protocol.toLowerCase()}' not supported for path: ${path}, must be in: [http http2]`
    }
    paths.add(path)
    ports.add(port)
  }
}

function* gatewayReasons({ kind, port, proxy }: MeshService, sidecar: NestedSidecar | undefined): Generator<string> {
  if (!gateways.includes(kind)) return
  if (port === 0 && kind !== 'ingress-gateway') yield `Port must be non-zero for a ${kind}`
  if (sidecar) yield `A ${kind} cannot have a sidecar service defined`
  for (const field of [
    'DestinationServiceName',
    'DestinationServiceID',
    'LocalServiceAddress',
    'LocalServicePort',
    'Upstreams',
  ] as const) {
    if (proxy?.[field]) yield `The Proxy.${field} configuration is invalid for a ${kind}`
  }
}

function* sidecarReasons(sidecar: NestedSidecar | undefined): Generator<string> {
  if (sidecar?.ID) yield 'A SidecarService cannot specify an ID as this is managed by the agent'
  if (sidecar?.Connect?.SidecarService) yield 'A SidecarService cannot have a nested SidecarService'
}
