import { recordType } from './record.ts'

/** What a name of the zone asks for. */
export type Wanted =
  | ({ readonly kind: 'service'; readonly datacenter: string | null } & WantedService)
  | { readonly kind: 'node'; readonly name: string; readonly datacenter: string | null }
  | { readonly kind: 'query'; readonly name: string; readonly datacenter: string | null }
  /** `c0000263.addr`: an address in hex. */
  | { readonly kind: 'address'; readonly hex: string }
  /** Nothing that the zone can have. */
  | { readonly kind: 'nothing' }

export interface WantedService {
  readonly name: string
  /** Empty: any. */
  readonly tag: string
  /** Whether what speaks for the service in a mesh is wanted, in place of itself. */
  readonly inMesh: boolean
}

const kinds = ['service', 'connect', 'node', 'query', 'addr']
const nothing: Wanted = { kind: 'nothing' }

/** Reads a name (lower case, below the zone and without it) as Consul does: the last label that names a kind decides. */
export function readWanted(name: string, type: number): Wanted {
  const labels = name === '' ? [] : name.split('.')
  const at = labels.findLastIndex((label) => kinds.includes(label) || isServiceOfSrv(label, type))
  const kind = labels[at]
  if (kind === undefined) return nothing
  // For SRV, `service` may be left out after `_name._tcp`.
  const isImplied = !kinds.includes(kind)
  const parts = labels.slice(0, isImplied ? at + 1 : at)
  const rest = labels.slice(at + 1)
  if (kind === 'addr') return parts.length === 1 ? { kind: 'address', hex: parts[0] ?? '' } : nothing
  if (parts.length === 0 || rest.length > 1) return nothing
  const datacenter = rest[0] ?? null
  switch (kind) {
    case 'node':
      return { kind: 'node', name: parts.join('.'), datacenter }
    case 'query':
      return { kind: 'query', name: parts.join('.'), datacenter }
    case 'connect':
      return { kind: 'service', name: parts.at(-1) ?? '', tag: '', inMesh: true, datacenter }
    default:
      return { kind: 'service', ...readService(parts), inMesh: false, datacenter }
  }
}

/** `tag.name`, or RFC 2782's `_name._protocol`, in which the place of the protocol holds a tag. */
function readService(parts: readonly string[]): { readonly name: string; readonly tag: string } {
  const [first = '', second = ''] = parts
  if (parts.length === 2 && first.startsWith('_') && second.startsWith('_')) {
    return { name: first.slice(1), tag: second === '_tcp' ? '' : second.slice(1) }
  }
  return { name: parts.at(-1) ?? '', tag: parts.slice(0, -1).join('.') }
}

function isServiceOfSrv(label: string, type: number): boolean {
  return type === recordType.SRV && label.startsWith('_')
}
