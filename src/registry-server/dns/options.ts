import type { Address } from '../../address.ts'

/** How the registry answers DNS. Names of settings are Consul's (`dns_config`). */
export interface DnsOptions {
  /** UDP and TCP both. Port 0: any that is free for both. */
  readonly bind: Address
  /** The zone that is answered from the catalog, without dots at its ends. */
  readonly domain: string
  /** How long an answer about a node may be kept, ms. */
  readonly nodeTtlMs: number
  /** The same for services, by name; `web*` is every name that begins so, `*` every one. The longest match counts. */
  readonly serviceTtlMs: Readonly<Record<string, number>>
  /** Leaves out instances that warn; critical ones are left out always. */
  readonly onlyPassing: boolean
  /** Says in the answer (TC) that records were left out, so that clients ask again over TCP. */
  readonly enableTruncate: boolean
  /** Records of an answer over UDP to a client without EDNS0: 1 … 8. */
  readonly udpAnswerLimit: number
  /** Who answers for every other domain, in the order in which they are asked; none: such queries are refused. */
  readonly recursors: readonly Address[]
  /** How long one recursor may take, ms. */
  readonly recursorTimeoutMs: number
}

/** What holds where nothing is said; `bind` has no default here. */
export const dnsDefaults: Omit<DnsOptions, 'bind'> = {
  domain: 'consul',
  nodeTtlMs: 0,
  serviceTtlMs: {},
  onlyPassing: false,
  enableTruncate: false,
  udpAnswerLimit: 3,
  recursors: [],
  recursorTimeoutMs: 2_000,
}
