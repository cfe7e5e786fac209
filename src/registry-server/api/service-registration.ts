import { isIP } from 'node:net'
import type { NewCheck, NewService } from '../agent.ts'
import { Refusal } from '../refusal.ts'
import type { ServiceAddress, TextMap } from '../store/rows.ts'
import { isCheckStatus, isEmptyCheck, newCheck, serviceCheckFields } from './check-registration.ts'
import { anything, decodeBody, flag, integer, listOf, mapOf, object, text } from './decode.ts'

const serviceFields = object(
  {
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
    // Taken and without effect: access control, the service mesh, and what clients of later versions send.
    Token: text,
    Proxy: anything,
    Connect: anything,
    Namespace: text,
    Partition: text,
    SocketPath: text,
    Locality: anything,
    Ports: anything,
  },
  { aliases: { tagged_addresses: 'TaggedAddresses', enable_tag_override: 'EnableTagOverride' } },
)

// RFC 2782: the weight of an SRV record has 16 bits.
const greatestWeight = 65_535

export interface ServiceRegistration {
  readonly service: NewService
  readonly checks: readonly NewCheck[]
}

/** Decodes the body of `agent/service/register`. Refuses (400) what Consul refuses, in its words. */
export function parseServiceRegistration(body: Buffer): ServiceRegistration {
  const given = decodeBody(body, serviceFields)
  const { Name: name = '', Address: address = '', Port: port = 0, Meta: meta = {} } = given
  if (name === '') throw new Refusal(400, 'Missing service name')
  if (address === '0.0.0.0' || address === '::' || address === '[::]') throw new Refusal(400, 'Invalid service address')
  // As in Consul: what is left out of weights that are given is 0.
  const weights = given.Weights ? { Passing: 0, Warning: 0, ...given.Weights } : { Passing: 1, Warning: 1 }
  if (weights.Passing < 1) throw new Refusal(400, 'Invalid Weights: Passing must be greater than 0')
  if (weights.Warning < 0) throw new Refusal(400, 'Invalid Weights: Warning must be greater or equal than 0')
  if (Math.max(weights.Passing, weights.Warning) > greatestWeight) {
    throw new Refusal(400, `Invalid Weights: DNS Weight must be between 0 and ${greatestWeight}`)
  }
  requireMeta(meta)
  const id = given.ID || name
  const checks = [...(given.Check && !isEmptyCheck(given.Check) ? [given.Check] : []), ...(given.Checks ?? [])]
  if (checks.some(({ Status: status }) => status && !isCheckStatus(status))) {
    throw new Refusal(400, "Status for checks must 'passing', 'warning', 'critical'")
  }
  const taggedAddresses = withDefaults(address, port, given.TaggedAddresses ?? {})
  const service: NewService = {
    id,
    name,
    tags: given.Tags ?? [],
    address,
    port,
    meta: Object.keys(meta).length > 0 ? meta : null,
    taggedAddresses,
    enableTagOverride: given.EnableTagOverride ?? false,
    weights,
    kind: given.Kind ?? '',
  }
  return {
    service,
    checks: checks.map((check, at) => newCheck(check, identity(check.CheckID, { id, name, at, count: checks.length }))),
  }
}

function identity(
  checkId: string | undefined,
  { id, name, at, count }: { id: string; name: string; at: number; count: number },
): { id: string; name: string; serviceId: string } {
  const numbered = count > 1 ? `service:${id}:${at + 1}` : `service:${id}`
  return { id: checkId || numbered, name: `Service '${name}' check`, serviceId: id }
}

/** A literal address also stands under the names of its family (Consul: tagged addresses). */
function withDefaults(
  address: string,
  port: number,
  given: Readonly<Record<string, { readonly Address?: string; readonly Port?: number }>>,
): Readonly<Record<string, ServiceAddress>> | null {
  const family = isIP(address)
  const own = { Address: address, Port: port }
  const defaults = family === 0 ? {} : { [`lan_ipv${family}`]: own, [`wan_ipv${family}`]: own }
  const named = Object.fromEntries(Object.entries(given).map(([name, { Address = '', Port = 0 }]) => [name, { Address, Port }]))
  const all = Object.entries({ ...defaults, ...named }).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return all.length === 0 ? null : Object.fromEntries(all)
}

const [mostMetaPairs, longestMetaKey, longestMetaValue] = [64, 128, 512]

function requireMeta(meta: TextMap): void {
  const pairs = Object.entries(meta)
  if (pairs.length > mostMetaPairs) {
    throw new Refusal(400, `Invalid Service Meta: Node metadata cannot contain more than ${mostMetaPairs} key/value pairs`)
  }
  for (const [key, value] of pairs) {
    const problem = metaProblem(key, value)
    if (problem) throw new Refusal(400, `Invalid Service Meta: Couldn't load metadata pair ('${key}', '${value}'): ${problem}`)
  }
}

function metaProblem(key: string, value: string): string | null {
  if (key === '') return 'Key cannot be blank'
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return 'Key contains invalid characters'
  if (key.length > longestMetaKey) return `Key is too long (limit: ${longestMetaKey} characters)`
  if (key.startsWith('consul-')) return "Key prefix 'consul-' is reserved for internal use"
  return value.length > longestMetaValue ? `Value is too long (limit: ${longestMetaValue} characters)` : null
}
