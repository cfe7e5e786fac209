// The two messages of grpc.health.v1.Health/Check, written out: HealthCheckRequest { string service = 1 } and
// HealthCheckResponse { ServingStatus status = 1 }, each behind gRPC's five bytes (compressed?, length).
export const healthCheckPath = '/grpc.health.v1.Health/Check'

const prefixBytes = 5
const [varint, eightBytes, lengthDelimited, fourBytes] = [0, 1, 2, 5]

/** The request for one service, empty for the server as a whole, with gRPC's prefix. */
export function requestMessage(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varintBytes(name.length)]), name])
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** The status of an answer (1 is SERVING; 0, UNKNOWN, if it names none), or null when it is not such a message. */
export function servingStatusOf(framed: Buffer): number | null {
  if (framed.length < prefixBytes || framed[0] !== 0) return null
  const message = framed.subarray(prefixBytes)
  if (message.length !== framed.readUInt32BE(1)) return null
  let status = 0
  for (let at = 0; at < message.length;) {
    const tag = readVarint(message, at)
    const value = tag && readVarint(message, tag.end)
    if (!tag || !value) return null
    if (tag.value === ((1 << 3) | varint)) status = value.value
    const end = fieldEnd(tag.value & 7, tag.end, value)
    if (end === null) return null
    at = end
  }
  return status
}

function fieldEnd(wireType: number, start: number, value: { readonly value: number; readonly end: number }): number | null {
  if (wireType === varint) return value.end
  if (wireType === eightBytes) return start + 8
  if (wireType === fourBytes) return start + 4
  return wireType === lengthDelimited ? value.end + value.value : null
}

function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly end: number } | null {
  let value = 0
  for (let at = start; at < bytes.length && at < start + 5; at++) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * 2 ** (7 * (at - start))
    if (byte < 0x80) return { value, end: at + 1 }
  }
  return null
}

function varintBytes(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 0x80)
  }
}
