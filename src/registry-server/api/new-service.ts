import { isIP } from 'node:net'
import type { NewCheck, NewService } from '../agent.ts'
import { Refusal } from '../refusal.ts'
import type { ServiceAddress, TextMap } from '../store/rows.ts'
import { isCheckStatus, isEmptyCheck, newCheck } from './check-registration.ts'
import { meshRow } from './proxy-fields.ts'
import type { GivenChecks, GivenService, GivenSidecar } from './service-fields.ts'

/** The service as it is kept. */
export function serviceOf(given: Omit<GivenService, 'Connect'> & Pick<GivenSidecar, 'Connect'>, name: string): NewService {
  const { Address: address = '', Port: port = 0, Meta: meta = {} } = given
  return {
    id: given.ID || name,
    name,
    tags: given.Tags ?? [],
    address,
    port,
    meta: Object.keys(meta).length > 0 ? meta : null,
    taggedAddresses: withDefaults(address, port, given.TaggedAddresses ?? {}),
    enableTagOverride: given.EnableTagOverride ?? false,
    // As in Consul: what is left out of weights that are given is 0.
    weights: given.Weights ? { Passing: 0, Warning: 0, ...given.Weights } : { Passing: 1, Warning: 1 },
    kind: given.Kind ?? '',
    ...meshRow(given, 'service'),
  }
}

/** Refuses (400) checks that Consul refuses. */
export function checksOf(given: GivenChecks, { id, name }: NewService): readonly NewCheck[] {
  const checks = givenChecks(given)
  if (checks.some(({ Status: status }) => status && !isCheckStatus(status)))
    throw new Refusal(400, "Status for checks must 'passing', 'warning', 'critical'")
  return checks.map((check, at) => newCheck(check, identity(check.CheckID, { id, name, at, count: checks.length })))
}

export function givenChecks({ Check: check, Checks: checks = [] }: GivenChecks): NonNullable<GivenChecks['Checks']> {
  return [...(check && !isEmptyCheck(check) ? [check] : []), ...checks]
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

/** What is wrong with a service's meta, or null. */
export function metaProblem(meta: TextMap): string | null {
  const pairs = Object.entries(meta)
  if (pairs.length > mostMetaPairs) return `Node metadata cannot contain more than ${mostMetaPairs} key/value pairs`
  for (const [key, value] of pairs) {
    const problem = pairProblem(key, value)
    if (problem) return `Couldn't load metadata pair ('${key}', '${value}'): ${problem}`
  }
  return null
}

function pairProblem(key: string, value: string): string | null {
  if (key === '') return 'Key cannot be blank'
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return 'Key contains invalid characters'
  if (key.length > longestMetaKey) return `Key is too long (limit: ${longestMetaKey} characters)`
  if (key.startsWith('consul-')) return "Key prefix 'consul-' is reserved for internal use"
  return value.length > longestMetaValue ? `Value is too long (limit: ${longestMetaValue} characters)` : null
}
