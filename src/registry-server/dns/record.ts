import { isIP } from 'node:net'
import { encode, type Answer } from 'dns-packet'

/** Numbers of record and query types (IANA, DNS parameters). */
export const recordType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  AXFR: 252,
  ANY: 255,
} as const

export type RecordData =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'srv'; readonly head: Buffer; readonly target: string }
  | {
      readonly kind: 'soa'
      readonly primary: string
      readonly mailbox: string
      readonly serial: number
      readonly minimums: Buffer
    }

export interface DnsRecord {
  /** null: the name of the question, in the case in which it was asked. */
  readonly owner: string | null
  readonly type: number
  readonly ttlSeconds: number
  readonly data: RecordData
}

export interface RecordHead {
  readonly owner: string | null
  readonly ttlSeconds: number
}

/** An A or AAAA record; null: the text is no IP address. */
export function addressRecord(head: RecordHead, ip: string): DnsRecord | null {
  const bytes = addressBytes(ip)
  if (bytes === null) return null
  return { ...head, type: bytes.length === 4 ? recordType.A : recordType.AAAA, data: { kind: 'bytes', bytes } }
}

export function hexAddressRecord(head: RecordHead, bytes: Buffer): DnsRecord {
  return { ...head, type: bytes.length === 4 ? recordType.A : recordType.AAAA, data: { kind: 'bytes', bytes } }
}

/** The 4 or 16 bytes of an IP address; null: the text is none. */
export function addressBytes(ip: string): Buffer | null {
  switch (isIP(ip)) {
    case 4:
      return dataBytes({ name: '.', type: 'A', data: ip })
    case 6:
      // A zone (fe80::1%eth0) means nothing to another machine.
      return dataBytes({ name: '.', type: 'AAAA', data: ip.replace(/%.*$/, '') })
    default:
      return null
  }
}

/** A TXT record with one string, cut at its 255 bytes. */
export function textRecord(head: RecordHead, text: string): DnsRecord {
  const bytes = dataBytes({ name: '.', type: 'TXT', data: [Buffer.from(text).subarray(0, 255)] })
  return { ...head, type: recordType.TXT, data: { kind: 'bytes', bytes } }
}

export function cnameRecord(head: RecordHead, name: string): DnsRecord {
  return { ...head, type: recordType.CNAME, data: { kind: 'name', name } }
}

export function ptrRecord(head: RecordHead, name: string): DnsRecord {
  return { ...head, type: recordType.PTR, data: { kind: 'name', name } }
}

export function nsRecord(head: RecordHead, name: string): DnsRecord {
  return { ...head, type: recordType.NS, data: { kind: 'name', name } }
}

export interface ServicePlace {
  readonly weight: number
  readonly port: number
  readonly target: string
}

export function srvRecord(head: RecordHead, { weight, port, target }: ServicePlace): DnsRecord {
  const bytes = Buffer.alloc(6)
  bytes.writeUInt16BE(1, 0)
  bytes.writeUInt16BE(clamp16(weight), 2)
  bytes.writeUInt16BE(clamp16(port), 4)
  return { ...head, type: recordType.SRV, data: { kind: 'srv', head: bytes, target } }
}

/** The start of authority of the zone, with Consul's own numbers; its serial is the wall time, s. */
export function soaRecord(domain: string, nowMs: number): DnsRecord {
  const minimums = Buffer.alloc(16)
  ;[3_600, 600, 86_400, 0].forEach((seconds, at) => minimums.writeUInt32BE(seconds, at * 4))
  const serial = Math.floor(nowMs / 1_000) >>> 0
  const data = { kind: 'soa', primary: `ns.${domain}`, mailbox: `hostmaster.${domain}`, serial, minimums } as const
  return { owner: domain, ttlSeconds: 0, type: recordType.SOA, data }
}

/** Whether a text can stand on the wire as a name (RFC 1035 §3.1: labels of 1 to 63 bytes, 255 in all). */
export function isWireName(name: string): boolean {
  if (Buffer.byteLength(name) > 253) return false
  return name === '' || name.split('.').every((label) => label !== '' && Buffer.byteLength(label) <= 63)
}

const fixedBytes = 12 + 1 + 10

/** RDATA as dns-packet writes it: what follows the head of a message with this one record, owned by the root. */
function dataBytes(answer: Answer): Buffer {
  return encode({ type: 'response', answers: [answer] }).subarray(fixedBytes)
}

function clamp16(value: number): number {
  return Math.min(Math.max(Math.trunc(value), 0), 65_535)
}
