import { decode, type DecodedPacket } from 'dns-packet'

export interface ClientSubnet {
  readonly family: number
  readonly prefixBits: number
  readonly address: Buffer
}

/** EDNS0 of a query (RFC 6891). */
export interface Edns {
  /** What the client can take over UDP, bytes. */
  readonly udpBytes: number
  /** RFC 7871; null: not sent. */
  readonly subnet: ClientSubnet | null
}

export interface Query {
  readonly id: number
  readonly recursionDesired: boolean
  readonly checkingDisabled: boolean
  /** Lower case, without a dot at its end; empty: the root. */
  readonly name: string
  readonly type: number
  /** The question as it came, in the client's case, to be echoed. */
  readonly question: Buffer
  readonly edns: Edns | null
}

export type ReadQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** To be answered with a head and nothing more. */
  | { readonly kind: 'wrong'; readonly rcode: number }
  /** Not to be answered: it could be somebody's answer, and two servers would answer each other for ever. */
  | { readonly kind: 'ignored' }

export const headBytes = 12

const formatError: ReadQuery = { kind: 'wrong', rcode: 1 }
const notImplemented: ReadQuery = { kind: 'wrong', rcode: 4 }

/** Reads a message that a client sent. It never throws, and looks into no message whose counts a query cannot have. */
export function readQuery(message: Buffer): ReadQuery {
  if (message.length < headBytes || (message.readUInt8(2) & 0x80) !== 0) return { kind: 'ignored' }
  if ((message.readUInt8(2) & 0x78) !== 0) return notImplemented
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at)) as Counts
  if (questions !== 1 || answers > 1 || authorities > 1 || additionals > 2) return formatError
  const name = readName(message)
  if (name === null) return formatError
  try {
    return { kind: 'query', query: read(message, name) }
  } catch {
    // The decoder throws whatever its reads beyond the end throw: the message is malformed.
    return formatError
  }
}

type Counts = [number, number, number, number]

interface QuestionName {
  /** Lower case; a dot that is part of a label is escaped. */
  readonly text: string
  readonly end: number
}

/** The question's name. One that points elsewhere in the message, where nothing stands before it, is malformed: null. */
function readName(message: Buffer): QuestionName | null {
  const labels: string[] = []
  let at = headBytes
  for (let length = message[at]; length !== undefined; length = message[at]) {
    if (length === 0) return isWholeName(message, at) ? { text: labels.join('.').toLowerCase(), end: at + 1 } : null
    if (length > 63) return null
    labels.push(message.toString('utf8', at + 1, at + 1 + length).replaceAll('.', String.raw`\.`))
    at += length + 1
  }
  return null
}

/** Whether type and class follow the name, and it has no more than its 255 bytes. */
function isWholeName(message: Buffer, end: number): boolean {
  return end + 5 <= message.length && end - headBytes < 255
}

function read(message: Buffer, name: QuestionName): Query {
  const packet = decode(message)
  const flags = message.readUInt16BE(2)
  return {
    id: message.readUInt16BE(0),
    recursionDesired: (flags & 0x0100) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    name: name.text,
    type: message.readUInt16BE(name.end),
    // A copy: the receive buffer is not ours to keep.
    question: Buffer.from(message.subarray(headBytes, name.end + 4)),
    edns: readEdns(packet),
  }
}

function readEdns({ additionals = [] }: DecodedPacket): Edns | null {
  const opt = additionals.find((record) => record.type === 'OPT')
  if (opt?.type !== 'OPT') return null
  const subnet = opt.options.find((option) => option.code === 8)
  return { udpBytes: opt.udpPayloadSize, subnet: readSubnet(subnet?.data) }
}

/** RFC 7871 §6: family, source prefix, scope prefix, and as many bytes of the address as the prefix needs. */
function readSubnet(data: Buffer | undefined): ClientSubnet | null {
  if (!data || data.length < 4) return null
  const [family, prefixBits, address] = [data.readUInt16BE(0), data.readUInt8(2), data.subarray(4)]
  if (family !== 1 && family !== 2) return null
  const wanted = Math.ceil(prefixBits / 8)
  if (prefixBits > (family === 1 ? 32 : 128) || address.length !== wanted) return null
  return { family, prefixBits, address: Buffer.from(address) }
}
