import { isIP } from 'node:net'
import { formatAddress, type Address } from '../address.ts'
import type { StaticInstance, ZoneConfig } from '../config/config.ts'
import type { Instance, RegistryStatus } from '../registry/registry.ts'

/** One instance as the registry or the config lists it. */
export interface Listed {
  readonly id: string
  readonly address: Address
  readonly weight: number
  readonly status: RegistryStatus | 'static'
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly nodeMeta: Readonly<Record<string, string>>
  /** The registry has dropped it, with too many others at once or just after an outage: it stays until our own probes agree. */
  readonly held: boolean
}

export function registeredInstance({ id, address, weight, status, tags, meta, nodeMeta }: Instance): Listed {
  return { id, address, weight, status, tags, meta, nodeMeta, held: false }
}

export function staticInstance(instance: StaticInstance): Listed {
  return { id: formatAddress(instance.address), ...instance, status: 'static', nodeMeta: {}, held: false }
}

/** The zone of an instance; null: it names none. */
export function zoneOf({ meta, nodeMeta }: Listed, { key }: ZoneConfig): string | null {
  return meta[key] ?? nodeMeta[key] ?? null
}

const hostName = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$/

/** Whoever may register may write anything there: one bad address must not keep the other instances from being called. */
export function isCallable({ address }: Listed): boolean {
  const { host, port } = address
  if (port < 1 || (isIP(host) === 0 && !hostName.test(host))) return false
  return URL.canParse(`http://${formatAddress(address)}`)
}
