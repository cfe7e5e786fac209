import type { MessageParts, MessageWriter } from './message-writer.ts'
import type { Query } from './query.ts'
import { recordType, type DnsRecord } from './record.ts'

export type Transport = 'udp' | 'tcp'

export interface FitRules {
  readonly transport: Transport
  readonly enableTruncate: boolean
  /** Answers for a client without EDNS0; null: as many as fit, and if those are not all, the client is told so. */
  readonly udpAnswerLimit: number | null
}

/** RFC 1035 §4.2.1: what every client can take over UDP, bytes. */
const plainBytes = 512
/** The most that a datagram over IPv4 holds, bytes. */
const datagramBytes = 65_507
/** Consul: no answer has more, whatever it is sent over. */
const mostAnswers = { address: 4_096, srv: 1_024 }
const mostPlainAnswers = 8

/**
 * Writes as much of an answer as its way and its client can take. As with Consul, fewer records than there are is not marked (TC)
 * unless `enableTruncate`: a client then balances over a random few. At least one answer is always kept, unless it alone is too long.
 */
export function writeFitting(writer: MessageWriter, query: Query, parts: MessageParts, rules: FitRules): Buffer {
  const limited = limitAnswers(query, parts, rules)
  const wasLimited = limited.answers.length < parts.answers.length
  const limitBytes = mostBytesFor(query, rules.transport)
  const fits = (sent: MessageParts): boolean =>
    (writer.measure(query, sent) ?? Infinity) <= limitBytes &&
    !(wasLimited && limitBytes === plainBytes && sent.answers.length > 1 && isTooLongUncompressed(query, sent))
  const fitting = fits(limited) ? limited : fewerAnswers(limited, fits)
  if (!fitting) return cut(writer, query, limited)
  const truncated = (rules.enableTruncate || rules.udpAnswerLimit === null) && fitting.answers.length < parts.answers.length
  return writer.write(query, truncated ? { ...fitting, truncated } : fitting) ?? cut(writer, query, limited)
}

/** With as many of the answers as fit; null: not even one does. */
function fewerAnswers(parts: MessageParts, fits: (sent: MessageParts) => boolean): MessageParts | null {
  const count = largest(parts.answers.length, (count) => fits(firstAnswers(parts, count)))
  return count === 0 ? null : firstAnswers(parts, count)
}

/** The most that an answer may have, bytes. */
export function mostBytesFor({ edns }: Query, transport: Transport): number {
  if (transport === 'tcp') return 65_535
  return Math.min(Math.max(edns?.udpBytes ?? 0, plainBytes), datagramBytes)
}

function limitAnswers(query: Query, parts: MessageParts, { transport, udpAnswerLimit }: FitRules): MessageParts {
  const most = query.type === recordType.SRV ? mostAnswers.srv : mostAnswers.address
  const isPlain = transport === 'udp' && mostBytesFor(query, 'udp') === plainBytes
  const limit = isPlain && udpAnswerLimit !== null ? Math.min(udpAnswerLimit, mostPlainAnswers) : most
  return parts.answers.length <= limit ? parts : firstAnswers(parts, limit)
}

/** Consul: what was limited must fit into 512 bytes even when something on its way takes the compression out. */
function isTooLongUncompressed(query: Query, parts: MessageParts): boolean {
  const records = [...parts.answers, ...parts.authorities, ...parts.additionals]
  return records.reduce((sum, record) => sum + uncompressedBytes(record, query), 12 + query.question.length) > plainBytes
}

function uncompressedBytes({ owner, data }: DnsRecord, query: Query): number {
  const head = (owner === null ? query.question.length - 4 : nameBytes(owner)) + 10
  if (data.kind === 'bytes') return head + data.bytes.length
  if (data.kind === 'name') return head + nameBytes(data.name)
  if (data.kind === 'srv') return head + 6 + nameBytes(data.target)
  return head + nameBytes(data.primary) + nameBytes(data.mailbox) + 20
}

function nameBytes(name: string): number {
  return Buffer.byteLength(name) + 2
}

/** The first answers, and of the additional records only the addresses of their targets. */
function firstAnswers(parts: MessageParts, count: number): MessageParts {
  const answers = parts.answers.slice(0, count)
  const targets = new Set(answers.map(({ data }) => (data.kind === 'srv' ? data.target : '')))
  const additionals: DnsRecord[] = []
  for (const record of parts.additionals) {
    if (record.owner === null || record.type === recordType.TXT || !targets.delete(record.owner)) continue
    // An alias among them leads on to its own target.
    if (record.data.kind === 'name') targets.add(record.data.name)
    additionals.push(record)
  }
  return { ...parts, answers, additionals }
}

/** RFC 2181 §9: what does not fit at all is left out, and the client is told to ask over TCP. */
function cut(writer: MessageWriter, query: Query, parts: MessageParts): Buffer {
  const bare = { ...parts, truncated: true, answers: [], authorities: [], additionals: [] }
  return writer.write(query, bare) ?? Buffer.alloc(0)
}

/** The largest count up to `most` that fits, given that fewer always fit when more do; 0: not even one. */
function largest(most: number, fits: (count: number) => boolean): number {
  let [low, high] = [0, most]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle - 1
  }
  return low
}
