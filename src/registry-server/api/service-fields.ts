import { anything, flag, integer, listOf, mapOf, object, text, whole, type Decoded } from './decode.ts'
import { serviceCheckFields } from './check-registration.ts'
import { proxyFields } from './proxy-fields.ts'

/** How a service is written in `agent/service/register`, and its sidecar inside of it. */

const shape = {
  ID: text,
  Name: text,
  Tags: listOf(text),
  Address: text,
  Port: integer,
  Meta: mapOf(text),
  TaggedAddresses: mapOf(object({ Address: text, Port: integer }), 'map[string]structs.ServiceAddress'),
  EnableTagOverride: flag,
  Weights: object({ Passing: integer, Warning: integer }),
  Check: serviceCheckFields,
  Checks: listOf(serviceCheckFields, 'structs.CheckTypes'),
  Kind: text,
  Proxy: proxyFields,
  // Taken and without effect: access control, and what clients of later versions send.
  Token: text,
  Namespace: text,
  Partition: text,
  SocketPath: text,
  Locality: anything,
  Ports: anything,
}
const aliases = { tagged_addresses: 'TaggedAddresses', enable_tag_override: 'EnableTagOverride' }
// Consul is not strict about what else stands in here.
const connectOptions = { aliases: { sidecar_service: 'SidecarService' }, ignoreUnknown: true }

const nestedConnect = object({ Native: flag, SidecarService: anything }, connectOptions)
const sidecarShape = { ...shape, Connect: nestedConnect }

export const connectFields = whole(object({ Native: flag, SidecarService: object(sidecarShape, { aliases }) }, connectOptions))
const serviceShape = { ...shape, Connect: connectFields }
export const serviceFields = object(serviceShape, { aliases })

export type GivenService = Decoded<typeof serviceShape>
export type GivenChecks = Pick<GivenService, 'Check' | 'Checks'>
export type GivenSidecar = Decoded<typeof sidecarShape>
