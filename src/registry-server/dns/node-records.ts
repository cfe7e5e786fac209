import type { NodeRow } from '../store/rows.ts'
import { group, type AnswerGroup } from './reply.ts'
import { addressRecord, cnameRecord, isWireName, recordType, textRecord, type DnsRecord, type RecordHead } from './record.ts'

/** An address of the catalog as records: of an IP address, if the question's type goes with it, else an alias for a name. */
export interface AddressRecords {
  readonly records: readonly DnsRecord[]
  /** The name that the last of them leads to, in lower case; null: an address was found, or nothing is to be told. */
  readonly alias: string | null
}

const { A, AAAA, ANY, NS, SRV, TXT } = recordType
// TXT of a service gives its addresses: so does Consul.
const typesOfAddresses: readonly number[] = [ANY, NS, SRV, TXT]

/** The types of questions that a node has something for. */
export const typesOfNodes: readonly number[] = [A, AAAA, ANY, TXT]

export function addressRecords(head: RecordHead, address: string, type: number): AddressRecords {
  const record = addressRecord(head, address)
  if (record) {
    const isWanted = type === record.type || typesOfAddresses.includes(type)
    return { records: isWanted ? [record] : [], alias: null }
  }
  const name = withoutDot(address)
  if (name === '' || !isWireName(name)) return { records: [], alias: null }
  return { records: [cnameRecord(head, name)], alias: name.toLowerCase() }
}

/** What a question for a node is told: its address, and its metadata as TXT. */
export function nodeGroup(
  node: NodeRow,
  type: number,
  ttlSeconds: number,
): { readonly group: AnswerGroup; readonly alias: string | null } {
  const head = { owner: null, ttlSeconds }
  const { records, alias } = type === TXT ? { records: [], alias: null } : addressRecords(head, node.address, type)
  const texts = metaRecords(head, node)
  if (type === TXT || type === ANY) return { group: group([...records, ...texts]), alias }
  return { group: group(records, texts), alias }
}

/** RFC 1464: `key=value`; a key that begins with `rfc1035-` gives its value alone. */
export function metaRecords(head: RecordHead, { meta }: NodeRow): readonly DnsRecord[] {
  return Object.entries(meta ?? {}).map(([key, value]) =>
    textRecord(head, key.toLowerCase().startsWith('rfc1035-') ? value : `${quoted(key)}=${quotedValue(value)}`),
  )
}

// RFC 1464: a grave accent quotes an equals sign of the key, and itself.
function quoted(key: string): string {
  return key.replaceAll('`', '``').replaceAll('=', '`=')
}

function quotedValue(value: string): string {
  return value.replaceAll('`', '``')
}

export function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}
