import { headBytes, type Edns, type Query } from './query.ts'
import { recordType, type DnsRecord } from './record.ts'

export interface MessageParts {
  readonly rcode: number
  readonly authoritative: boolean
  readonly truncated: boolean
  readonly recursionAvailable: boolean
  readonly answers: readonly DnsRecord[]
  readonly authorities: readonly DnsRecord[]
  readonly additionals: readonly DnsRecord[]
  /** Answered with an OPT record; null: the client sent none. */
  readonly edns: Edns | null
}

const mostBytes = 65_535
// RFC 1035 §4.1.4: a pointer has 14 bits.
const farthestPointer = 0x3fff
const questionPointer = 0xc000 | headBytes

/**
 * Writes answers with compressed names (RFC 1035 §4.1.4), which dns-packet does not do: without it the answers of many instances
 * would not fit into a datagram. One writer writes one message at a time; the bytes are the caller's to keep.
 */
export class MessageWriter {
  readonly #buffer = Buffer.allocUnsafe(mostBytes)
  /** Where names and their endings stand, as far as a pointer reaches. Filled with the question's once a name is written. */
  readonly #names = new Map<string, number>()
  #question: Buffer = Buffer.alloc(0)
  #at = 0

  /** null: the message would have more than 65,535 bytes. */
  write(query: Query, parts: MessageParts): Buffer | null {
    const length = this.measure(query, parts)
    return length === null ? null : Buffer.from(this.#buffer.subarray(0, length))
  }

  /** The bytes that the message takes; null: more than any message may. */
  measure(query: Query, { answers, authorities, additionals, edns, ...head }: MessageParts): number | null {
    this.#names.clear()
    this.#question = query.question
    this.#at = headBytes + query.question.length
    query.question.copy(this.#buffer, headBytes)
    for (const section of [answers, authorities, additionals])
      for (const record of section) if (!this.#record(record)) return null
    if (edns && !this.#edns(edns)) return null
    this.#head(query, head, [answers.length, authorities.length, additionals.length + (edns ? 1 : 0)])
    return this.#at
  }

  #head(
    query: Query,
    {
      rcode,
      authoritative,
      truncated,
      recursionAvailable,
    }: Pick<MessageParts, 'rcode' | 'authoritative' | 'truncated' | 'recursionAvailable'>,
    counts: readonly number[],
  ): void {
    const flags =
      0x8000 |
      (authoritative ? 0x0400 : 0) |
      (truncated ? 0x0200 : 0) |
      (query.recursionDesired ? 0x0100 : 0) |
      (recursionAvailable ? 0x0080 : 0) |
      (query.checkingDisabled ? 0x0010 : 0) |
      rcode
    this.#buffer.writeUInt16BE(query.id, 0)
    this.#buffer.writeUInt16BE(flags, 2)
    this.#buffer.writeUInt16BE(1, 4)
    counts.forEach((count, at) => this.#buffer.writeUInt16BE(count, 6 + at * 2))
  }

  /** False: there is no room for it. */
  #record({ owner, type, ttlSeconds, data }: DnsRecord): boolean {
    // An upper bound: names of 255 bytes each, and the rest of the longest record of each kind.
    if (this.#at + 256 + 10 + (data.kind === 'bytes' ? data.bytes.length : 2 * 256 + 20) > mostBytes) return false
    if (owner === null) this.#uint16(questionPointer)
    else this.#name(owner, true)
    this.#uint16(type)
    this.#uint16(1)
    this.#at = this.#buffer.writeUInt32BE(ttlSeconds, this.#at)
    const lengthAt = this.#at
    this.#at += 2
    this.#data(data)
    this.#buffer.writeUInt16BE(this.#at - lengthAt - 2, lengthAt)
    return true
  }

  #data(data: DnsRecord['data']): void {
    switch (data.kind) {
      case 'bytes':
        return this.#bytes(data.bytes)
      case 'name':
        return this.#name(data.name, true)
      case 'srv':
        this.#bytes(data.head)
        // RFC 2782: the target is not compressed; later names may point into it.
        return this.#name(data.target, false)
      case 'soa':
        this.#name(data.primary, true)
        this.#name(data.mailbox, true)
        this.#at = this.#buffer.writeUInt32BE(data.serial, this.#at)
        return this.#bytes(data.minimums)
    }
  }

  #name(name: string, compressed: boolean): void {
    if (this.#names.size === 0) this.#enterQuestion()
    let rest = name
    while (rest !== '') {
      const known = this.#names.get(rest)
      if (known !== undefined && compressed) return this.#uint16(0xc000 | known)
      if (known === undefined) this.#enter(rest, this.#at)
      const dot = rest.indexOf('.')
      const label = dot === -1 ? rest : rest.slice(0, dot)
      const length = this.#buffer.write(label, this.#at + 1)
      this.#buffer[this.#at] = length
      this.#at += length + 1
      rest = dot === -1 ? '' : rest.slice(dot + 1)
    }
    this.#buffer[this.#at++] = 0
  }

  /** The question's name and its endings. The case counts, so that no answer has another case than it would have uncompressed. */
  #enterQuestion(): void {
    const labels: { readonly text: string; readonly at: number }[] = []
    for (let at = 0; (this.#question[at] ?? 0) > 0; at += (this.#question[at] ?? 0) + 1) {
      labels.push({ text: this.#question.toString('utf8', at + 1, at + 1 + (this.#question[at] ?? 0)), at: headBytes + at })
    }
    labels.forEach(({ at }, from) =>
      this.#enter(
        labels
          .slice(from)
          .map(({ text }) => text)
          .join('.'),
        at,
      ),
    )
  }

  #enter(name: string, at: number): void {
    if (at <= farthestPointer) this.#names.set(name, at)
  }

  #edns({ udpBytes, subnet }: Edns): boolean {
    const optionBytes = subnet ? 8 + subnet.address.length : 0
    if (this.#at + 11 + optionBytes > mostBytes) return false
    this.#buffer[this.#at++] = 0
    this.#uint16(recordType.OPT)
    this.#uint16(udpBytes)
    // Extended code, version and flags.
    this.#at = this.#buffer.writeUInt32BE(0, this.#at)
    this.#uint16(optionBytes)
    if (!subnet) return true
    this.#uint16(8)
    this.#uint16(4 + subnet.address.length)
    this.#uint16(subnet.family)
    // The scope is 0: the answer is the same for every client (RFC 7871 §7.2.1).
    this.#uint16(subnet.prefixBits << 8)
    this.#bytes(subnet.address)
    return true
  }

  #uint16(value: number): void {
    this.#at = this.#buffer.writeUInt16BE(value, this.#at)
  }

  #bytes(bytes: Buffer): void {
    this.#at += bytes.copy(this.#buffer, this.#at)
  }
}
