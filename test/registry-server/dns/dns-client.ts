import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { decode, encode, RECURSION_DESIRED, type Answer, type DecodedPacket, type RecordType } from 'dns-packet'

export interface Ask {
  readonly name: string
  readonly type: RecordType
  readonly tcp?: boolean
  /** The size that EDNS0 announces; null: no EDNS0. Default 1232, as dig has it. */
  readonly udpBytes?: number | null
  /** A client subnet to send along. */
  readonly subnet?: string
  readonly recursionDesired?: boolean
}

export interface Told {
  readonly rcode: string
  /** As dig writes them: qr aa tc rd ra. */
  readonly flags: readonly string[]
  /** The question's name as it was echoed. */
  readonly question: string
  readonly answers: readonly string[]
  readonly authorities: readonly string[]
  /** Without the OPT record. */
  readonly additionals: readonly string[]
  /** What the OPT record announces; null: there is none. */
  readonly udpBytes: number | null
  readonly bytes: number
}

let lastId = 0

export function queryPacket({ name, type, udpBytes = 1232, subnet, recursionDesired = true }: Ask): Buffer {
  const options = subnet === undefined ? [] : [{ code: 8 as const, ip: subnet, sourcePrefixLength: 24 }]
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: udpBytes ?? 0,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options,
  } as const
  return encode({
    type: 'query',
    id: (lastId = (lastId + 1) & 0xffff),
    flags: recursionDesired ? RECURSION_DESIRED : 0,
    questions: [{ name, type }],
    additionals: udpBytes === null ? [] : [opt],
  })
}

/** Asks a DNS server of the loopback. Rejects when it does not answer within two seconds. */
export async function ask(port: number, question: Ask): Promise<Told> {
  const packet = queryPacket(question)
  return told(question.tcp ? await exchangeTcp(port, packet) : await exchangeUdp(port, packet))
}

export function exchangeUdp(port: number, packet: Buffer, waitMs = 2_000): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const timer = setTimeout(() => done(() => reject(new Error('no answer over UDP'))), waitMs)
    const done = (tell: () => void): void => {
      clearTimeout(timer)
      socket.close()
      tell()
    }
    socket.once('message', (answer) => done(() => resolve(answer)))
    socket.once('error', (error) => done(() => reject(error)))
    socket.send(packet, port, '127.0.0.1')
  })
}

export function exchangeTcp(port: number, packet: Buffer, waitMs = 2_000): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const timer = setTimeout(() => socket.destroy(new Error('no answer over TCP')), waitMs)
    let received = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      resolve(received.subarray(2, 2 + received.readUInt16BE(0)))
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(timer)
      reject(new Error('the connection was closed without an answer'))
    })
    socket.end(withLength(packet))
  })
}

export function withLength(packet: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(packet.length)
  return Buffer.concat([length, packet])
}

export function told(bytes: Buffer): Told {
  const packet = decode(bytes) as DecodedPacket & { rcode: string }
  const additionals = packet.additionals ?? []
  const opt = additionals.find((record) => record.type === 'OPT')
  return {
    rcode: packet.rcode,
    flags: [
      ...(packet.flag_qr ? ['qr'] : []),
      ...(packet.flag_aa ? ['aa'] : []),
      ...(packet.flag_tc ? ['tc'] : []),
      ...(packet.flag_rd ? ['rd'] : []),
      ...(packet.flag_ra ? ['ra'] : []),
    ],
    question: packet.questions?.[0]?.name ?? '',
    answers: (packet.answers ?? []).map(recordText),
    authorities: (packet.authorities ?? []).map(recordText),
    additionals: additionals.filter((record) => record.type !== 'OPT').map(recordText),
    udpBytes: opt?.type === 'OPT' ? opt.udpPayloadSize : null,
    bytes: bytes.length,
  }
}

/** A record as dig prints it, without the class: `pg.service.consul. 0 A 192.0.2.10`. */
function recordText(record: Answer): string {
  const ttl = 'ttl' in record ? record.ttl : 0
  return `${dotted(record.name)} ${ttl} ${record.type} ${dataText(record)}`
}

function dataText(record: Answer): string {
  if (record.type === 'SRV') {
    const { priority, weight, port, target } = record.data
    return `${priority} ${weight} ${port} ${dotted(target)}`
  }
  if (record.type === 'SOA') {
    const { mname, rname, refresh, retry, expire, minimum } = record.data
    return `${dotted(mname)} ${dotted(rname)} <serial> ${refresh} ${retry} ${expire} ${minimum}`
  }
  if (record.type === 'TXT')
    return [record.data]
      .flat()
      .map((part) => JSON.stringify(part.toString()))
      .join(' ')
  if (record.type === 'CNAME' || record.type === 'NS' || record.type === 'PTR') return dotted(record.data)
  return 'data' in record && typeof record.data === 'string' ? record.data : ''
}

function dotted(name: string): string {
  return name === '.' ? '.' : `${name}.`
}
