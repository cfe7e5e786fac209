/** What a selector may name, and what it holds: the fields of Consul's answers as filter expressions see them. */
export type Field =
  | { readonly kind: 'text' | 'number' | 'flag' | 'texts' }
  | { readonly kind: 'map' | 'list'; readonly of: Field }
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, Field>> }

const text: Field = { kind: 'text' }
const number: Field = { kind: 'number' }
const flag: Field = { kind: 'flag' }
const texts: Field = { kind: 'texts' }
const mapOf = (of: Field): Field => ({ kind: 'map', of })
const listOf = (of: Field): Field => ({ kind: 'list', of })
const object = (fields: Readonly<Record<string, Field>>): Field => ({ kind: 'object', fields })

const addresses = mapOf(object({ Address: text, Port: number }))
const weights = object({ Passing: number, Warning: number })
const meshGateway = object({ Mode: text })
const connect = object({ Native: flag })
const path = object({ ListenerPort: number, Path: text, LocalPathPort: number, Protocol: text })

const proxy = object({
  DestinationServiceName: text,
  DestinationServiceID: text,
  LocalServiceAddress: text,
  LocalServicePort: number,
  Upstreams: listOf(
    object({
      DestinationType: text,
      DestinationNamespace: text,
      DestinationName: text,
      Datacenter: text,
      LocalBindAddress: text,
      LocalBindPort: number,
      MeshGateway: meshGateway,
    }),
  ),
  MeshGateway: meshGateway,
  Expose: object({ Checks: flag, Paths: listOf(path) }),
})

export const nodeFields = object({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: mapOf(text),
  Meta: mapOf(text),
})

export const serviceFields = object({
  Kind: text,
  ID: text,
  Service: text,
  Tags: texts,
  Address: text,
  TaggedAddresses: addresses,
  Meta: mapOf(text),
  Port: number,
  Weights: weights,
  EnableTagOverride: flag,
  Proxy: proxy,
  Connect: connect,
})

export const checkFields = object({
  Node: text,
  CheckID: text,
  Name: text,
  Status: text,
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: texts,
  Type: text,
})

export const instanceFields = object({ Node: nodeFields, Service: serviceFields, Checks: listOf(checkFields) })

/** One row of `catalog/service`. */
export const catalogServiceFields = object({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: mapOf(text),
  NodeMeta: mapOf(text),
  ServiceKind: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: texts,
  ServiceAddress: text,
  ServiceTaggedAddresses: addresses,
  ServiceWeights: weights,
  ServiceMeta: mapOf(text),
  ServicePort: number,
  ServiceEnableTagOverride: flag,
  ServiceProxy: proxy,
  ServiceConnect: connect,
})
