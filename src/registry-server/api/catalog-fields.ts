import { isIP } from 'node:net'
import { Refusal } from '../refusal.ts'
import type { CheckRow, CheckStatus, NodeRow, ServiceRow } from '../store/rows.ts'
import { proxyFields, meshRow } from './proxy-fields.ts'
import { meshProblem } from './proxy-rules.ts'
import { connectFields } from './service-fields.ts'
import { anything, flag, integer, listOf, mapOf, object, text, uint64, type Decoded } from './decode.ts'

/** How nodes, services and checks are written in `catalog/register` and in transactions. */

// What clients of later versions send is taken and has no effect.
const later = { Namespace: text, Partition: text, PeerName: text, Locality: anything, ContentHash: text, CreateIndex: uint64 }

const serviceShape = {
  Kind: text,
  ID: text,
  Service: text,
  Tags: listOf(text),
  Address: text,
  TaggedAddresses: mapOf(object({ Address: text, Port: integer }), 'map[string]structs.ServiceAddress'),
  Meta: mapOf(text),
  Port: integer,
  Weights: object({ Passing: integer, Warning: integer }),
  EnableTagOverride: flag,
  Proxy: proxyFields,
  Connect: connectFields,
  SocketPath: text,
  Ports: anything,
  ModifyIndex: uint64,
  ...later,
}
export const serviceFields = object(serviceShape, { goName: 'NodeService' })

const definitionShape = {
  Interval: anything,
  Timeout: anything,
  DeregisterCriticalServiceAfter: anything,
  HTTP: text,
  Header: mapOf(listOf(text), 'map[string][]string'),
  Method: text,
  Body: text,
  TLSSkipVerify: flag,
  TCP: text,
}

const checkShape = {
  Node: text,
  CheckID: text,
  Name: text,
  Status: text,
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: listOf(text),
  Type: text,
  Definition: object(definitionShape, { ignoreUnknown: true }),
  Interval: text,
  Timeout: text,
  ExposedPort: integer,
  ModifyIndex: uint64,
  ...later,
}
export const checkFields = object(checkShape, { goName: 'HealthCheck' })

const nodeShape = {
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: mapOf(text),
  Meta: mapOf(text),
  ModifyIndex: uint64,
  ...later,
}
export const nodeFields = object(nodeShape, { goName: 'Node' })

export type GivenService = Decoded<typeof serviceShape>
export type GivenCheck = Decoded<typeof checkShape>
export type GivenNode = Decoded<typeof nodeShape>
type Unindexed<Row> = Omit<Row, 'createIndex' | 'modifyIndex'>

/** Refuses (500) a node without a name or with an id that is no UUID. */
export function nodeRow(given: GivenNode): Unindexed<NodeRow> {
  const { Node: name = '', ID: id = '' } = given
  if (name === '') throw new Refusal(500, 'Must provide node')
  if (id !== '' && id.length !== 36) throw new Refusal(500, 'Bad node ID: uuid string is wrong length')
  if (id !== '' && !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) {
    throw new Refusal(500, 'Bad node ID: uuid is improperly formatted')
  }
  return {
    id,
    name,
    address: given.Address ?? '',
    taggedAddresses: given.TaggedAddresses ?? null,
    meta: given.Meta ?? null,
  }
}

/** Refuses (500) a proxy or gateway that Consul refuses, and what {@link plainServiceRow} refuses. */
export function serviceRow(node: string, given: GivenService): Unindexed<ServiceRow> {
  const mesh = { kind: given.Kind ?? '', ...meshRow(given, '') }
  const problem = meshProblem({ port: given.Port ?? 0, ...mesh }, given.Connect?.SidecarService)
  if (problem !== null) throw new Refusal(500, problem)
  return { ...plainServiceRow(node, given), ...mesh }
}

/** A service as transactions take it, which (Consul 1.8.7) do not see what it is in a mesh. Refuses (500) one with an id and no name, and an address that nobody can reach. */
export function plainServiceRow(node: string, given: GivenService): Unindexed<ServiceRow> {
  const { ID: id = '', Service: name = '', Address: address = '' } = given
  if (id !== '' && name === '') throw new Refusal(500, 'Must provide service name with ID')
  if (name === '') throw new Refusal(500, 'failed inserting service: failed inserting service: object missing primary index')
  if (isIP(address) !== 0 && /^[0:.]+$/.test(address)) throw new Refusal(500, 'Invalid service address')
  const tagged = Object.entries(given.TaggedAddresses ?? {}).map(([key, { Address = '', Port = 0 }]) => [key, { Address, Port }])
  return {
    node,
    id: id || name,
    name,
    tags: given.Tags ?? [],
    address,
    port: given.Port ?? 0,
    meta: given.Meta ?? null,
    taggedAddresses: tagged.length === 0 ? null : (Object.fromEntries(tagged) as ServiceRow['taggedAddresses']),
    enableTagOverride: given.EnableTagOverride ?? false,
    weights: weightsOf(given),
    kind: '',
  }
}

/** As in Consul: who passes has some weight, else none of them counts; a warning that is left out has none. */
function weightsOf({ Weights: weights }: GivenService): ServiceRow['weights'] {
  return weights && (weights.Passing ?? 0) > 0 ? { Passing: 1, Warning: 0, ...weights } : { Passing: 1, Warning: 1 }
}

/** The check as it is kept; name and tags of its service are filled in by the catalog. */
export function checkRow(node: string, given: GivenCheck): Unindexed<CheckRow> {
  const { Definition: definition, ServiceID: serviceId = '', Name: name = '' } = given
  const kept = Object.keys(definitionShape)
    .map((key) => [key, definition?.[key as keyof typeof definitionShape]] as const)
    .filter(([, value]) => value !== undefined && value !== '' && value !== 0 && value !== '0s')
  return {
    node,
    id: given.CheckID || name,
    name,
    // Consul does not look at the status here; what is no status is neither passing nor critical.
    status: (given.Status || 'critical') as CheckStatus,
    notes: given.Notes ?? '',
    output: given.Output ?? '',
    serviceId,
    serviceName: '',
    serviceTags: [],
    type: given.Type || typeOf(definition),
    ...(kept.length > 0 ? { definition: Object.fromEntries(kept) } : {}),
  }
}

/** A definition that says how often it is looked has a type of its own. */
function typeOf({ Interval: interval, HTTP: http, TCP: tcp }: Decoded<typeof definitionShape> = {}): string {
  if (!interval) return ''
  return http ? 'http' : tcp ? 'tcp' : ''
}
