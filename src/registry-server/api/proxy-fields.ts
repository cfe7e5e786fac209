import type { ExposedPath, Proxy, ProxyUpstream, ServiceRow } from '../store/rows.ts'
import { flag, integer, listOf, object, sortedObject, text, textOf, whole, type Decoded } from './decode.ts'

/** How a proxy of a mesh is written in registrations, and in answers. */

const meshGateway = object({ Mode: textOf('structs.MeshGatewayMode') })
const meshGatewayAlias = { mesh_gateway: 'MeshGateway' }

const pathShape = { ListenerPort: integer, Path: text, LocalPathPort: integer, Protocol: text, ParsedFromCheck: flag }
const exposedPath = object(pathShape, { aliases: { listener_port: 'ListenerPort', local_path_port: 'LocalPathPort' } })

const upstreamShape = {
  DestinationType: text,
  DestinationNamespace: text,
  DestinationName: text,
  Datacenter: text,
  LocalBindAddress: text,
  LocalBindPort: integer,
  Config: sortedObject,
  MeshGateway: meshGateway,
}
const upstream = object(upstreamShape, {
  aliases: {
    destination_type: 'DestinationType',
    destination_namespace: 'DestinationNamespace',
    destination_name: 'DestinationName',
    local_bind_address: 'LocalBindAddress',
    local_bind_port: 'LocalBindPort',
    ...meshGatewayAlias,
  },
})

const proxyShape = {
  DestinationServiceName: text,
  DestinationServiceID: text,
  LocalServiceAddress: text,
  LocalServicePort: integer,
  Config: sortedObject,
  Upstreams: listOf(upstream, 'structs.Upstreams'),
  MeshGateway: meshGateway,
  Expose: object({ Checks: flag, Paths: listOf(exposedPath, '[]structs.ExposePath') }),
}

export type GivenProxy = Decoded<typeof proxyShape>

export const proxyFields = whole(
  object(proxyShape, {
    aliases: {
      destination_service_name: 'DestinationServiceName',
      destination_service_id: 'DestinationServiceID',
      local_service_address: 'LocalServiceAddress',
      local_service_port: 'LocalServicePort',
      ...meshGatewayAlias,
    },
  }),
)

/** What is shown of a service that is no proxy. */
const noProxy: Proxy = { MeshGateway: {}, Expose: {} }

/** The fields of a service that say what it is in a mesh, without those that say nothing; `upstreamType` is that of an upstream without one. */
export function meshRow(
  { Proxy: given = {}, Connect: connect }: { readonly Proxy?: GivenProxy; readonly Connect?: { readonly Native?: boolean } },
  upstreamType: string,
): Pick<ServiceRow, 'proxy' | 'isNative'> {
  const proxy = proxyRow(given, upstreamType)
  const isProxy = JSON.stringify(proxy) !== JSON.stringify(noProxy)
  return { ...(isProxy ? { proxy } : {}), ...(connect?.Native ? { isNative: true } : {}) }
}

export function proxyView({ proxy }: ServiceRow): Proxy {
  return proxy ?? noProxy
}

export function connectView({ isNative }: ServiceRow): object {
  return isNative ? { Native: true } : {}
}

/** As the agent shows it, which leaves out more of what is empty. */
export function agentProxyView(service: ServiceRow): object {
  const { MeshGateway, Expose, Upstreams, ...proxy } = proxyView(service)
  return { ...proxy, Upstreams: Upstreams?.map(agentUpstreamView), MeshGateway, Expose }
}

function agentUpstreamView(upstream: ProxyUpstream): object {
  return {
    ...upstream,
    Datacenter: upstream.Datacenter || undefined,
    LocalBindPort: upstream.LocalBindPort || undefined,
    Config: upstream.Config ?? undefined,
  }
}

function proxyRow(given: GivenProxy, upstreamType: string): Proxy {
  const { Config: config = {}, Upstreams: upstreams = [] } = given
  return {
    ...filled({
      DestinationServiceName: given.DestinationServiceName,
      DestinationServiceID: given.DestinationServiceID,
      LocalServiceAddress: given.LocalServiceAddress,
      LocalServicePort: given.LocalServicePort,
    }),
    ...(Object.keys(config).length > 0 ? { Config: config } : {}),
    ...(upstreams.length > 0 ? { Upstreams: upstreams.map((one) => upstreamRow(one, upstreamType)) } : {}),
    MeshGateway: filled({ Mode: given.MeshGateway?.Mode }),
    Expose: exposeRow(given.Expose ?? {}),
  }
}

function upstreamRow(given: Decoded<typeof upstreamShape>, upstreamType: string): ProxyUpstream {
  return {
    DestinationType: given.DestinationType || upstreamType,
    ...filled({ DestinationNamespace: given.DestinationNamespace }),
    DestinationName: given.DestinationName ?? '',
    Datacenter: given.Datacenter ?? '',
    ...filled({ LocalBindAddress: given.LocalBindAddress }),
    LocalBindPort: given.LocalBindPort ?? 0,
    Config: given.Config ?? null,
    MeshGateway: filled({ Mode: given.MeshGateway?.Mode }),
  }
}

function exposeRow({ Checks: checks, Paths: paths = [] }: NonNullable<GivenProxy['Expose']>): Proxy['Expose'] {
  const rows = paths.map(({ ParsedFromCheck: isParsed = false, ...path }): ExposedPath => {
    const { ListenerPort, Path, LocalPathPort, Protocol } = path
    return { ...filled({ ListenerPort, Path, LocalPathPort, Protocol }), ParsedFromCheck: isParsed }
  })
  return { ...(checks ? { Checks: checks } : {}), ...(rows.length > 0 ? { Paths: rows } : {}) }
}

/** The fields that are neither empty nor 0. */
function filled<Value extends string | number>(fields: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(fields).filter((field): field is [string, Value] => Boolean(field[1])))
}
