import { Refusal } from '../refusal.ts'
import type { UserEvent } from '../store/events.ts'

// Consul: an event has to fit into a packet of gossip, and what is counted is its encoding (msgpack).
const mostBytes = 512
const namePrefix = 'consul:event:'
const idBytes = 36

/** Refuses (500) an event that Consul's agents could not tell each other, in its words. `time` is the event's. */
export function requireEventFits(event: Omit<UserEvent, 'id' | 'time'>, time: number): void {
  const nameBytes = Buffer.byteLength(event.name) + namePrefix.length
  const innerBytes = encodedBytes(event)
  if (nameBytes + innerBytes > mostBytes) throw tooLarge('user event', 'before')
  const outerBytes = 2 + field('LTime', uintBytes(time)) + field('Name', oldTextBytes(nameBytes))
  if (outerBytes + field('Payload', oldTextBytes(innerBytes)) + field('CC', 1) > mostBytes)
    throw tooLarge('encoded user event', 'after')
}

function encodedBytes({ name, payload, nodeFilter, serviceFilter, tagFilter }: Omit<UserEvent, 'id' | 'time'>): number {
  const optional = { nf: nodeFilter, sf: serviceFilter, tf: tagFilter }
  const filters = Object.entries(optional).filter(([, value]) => value !== '')
  return (
    1 +
    field('ID', textBytes(idBytes)) +
    field('n', textBytes(Buffer.byteLength(name))) +
    (payload.length === 0 ? 0 : field('p', blobBytes(payload.length))) +
    filters.map(([key, value]) => field(key, textBytes(Buffer.byteLength(value)))).reduce((sum, bytes) => sum + bytes, 0) +
    field('v', 1)
  )
}

function field(name: string, valueBytes: number): number {
  return 1 + name.length + valueBytes
}

function textBytes(length: number): number {
  return length < 32 ? 1 + length : blobBytes(length)
}

function blobBytes(length: number): number {
  return (length < 256 ? 2 : 3) + length
}

/** The outer encoding is of an older msgpack, which has no texts with one byte of length. */
function oldTextBytes(length: number): number {
  return (length < 32 ? 1 : 3) + length
}

function uintBytes(value: number): number {
  if (value < 128) return 1
  if (value < 256) return 2
  return value < 65_536 ? 3 : 5
}

function tooLarge(what: string, when: 'before' | 'after'): Refusal {
  const reason = `${what} exceeds configured limit of ${mostBytes} bytes ${when} encoding`
  return new Refusal(500, `1 error occurred:\n\t* error broadcasting event to segment "": ${reason}\n\n`)
}
