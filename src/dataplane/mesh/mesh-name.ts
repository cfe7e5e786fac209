/** The service under which every gateway registers itself. */
export const gatewayService = 'meshgate'

/** What a host of the mesh names. All parts are in lower case, as hosts are. */
export interface MeshName {
  readonly service: string
  /** Only instances that have it; null: all. */
  readonly tag: string | null
  /** Null: our own. */
  readonly datacenter: string | null
}

/**
 * Reads a host as the registry's DNS reads names: `orders`, `orders.service`, `orders.mesh`, `orders.service.consul`,
 * `orders.service.dc2.consul`, each but the first with a tag in front (`v1.orders.service`). A host with none of these ends is a service's
 * name as it stands. Null: it ends like one of these and is none.
 */
export function parseMeshName(host: string, domain: string): MeshName | null {
  if (host.endsWith(`.${domain}`)) return parseQualified(host.slice(0, -domain.length - 1))
  if (host.endsWith('.service')) return parseTagged(host.slice(0, -8), null)
  if (host.endsWith('.mesh')) return parseTagged(host.slice(0, -5), null)
  return host === 'service' || host === 'mesh' ? null : { service: host, tag: null, datacenter: null }
}

function parseQualified(name: string): MeshName | null {
  if (name.endsWith('.service')) return parseTagged(name.slice(0, -8), null)
  const at = name.lastIndexOf('.')
  const [front, datacenter] = [name.slice(0, Math.max(at, 0)), name.slice(at + 1)]
  return front.endsWith('.service') ? parseTagged(front.slice(0, -8), datacenter) : null
}

// As in Consul's DNS a tag may have dots, and the name of a service that is asked for in this way has none.
function parseTagged(text: string, datacenter: string | null): MeshName | null {
  const at = text.lastIndexOf('.')
  const [tag, service] = [at === -1 ? null : text.slice(0, at), text.slice(at + 1)]
  return service === '' || tag === '' ? null : { service, tag, datacenter }
}

/** Whether a host is an address in one of the spellings that programs take for one (`127.1`, `0x7f000001`, `2130706433`, `::1`). */
export function looksLikeAddress(host: string): boolean {
  return host.includes(':') || /^(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*$/.test(host)
}
