import { Refusal } from '../refusal.ts'
import { compareBytes } from '../store/sorted-map.ts'
import { longestNs, parseGoDurationNs } from './go-duration.ts'

/** Turns one JSON value into a typed one, or refuses it in the words of Go's decoder. `field` is where it stands: `.Port`. */
export type Decode<T> = (value: unknown, field: string) => T
export type Shape = Readonly<Record<string, Decode<unknown>>>
export type Decoded<S extends Shape> = { readonly [Name in keyof S]?: ReturnType<S[Name]> }

export interface ObjectOptions {
  /** Other spellings, in lower case, with the name they stand for. */
  readonly aliases?: Readonly<Record<string, string>>
  /** Whether unknown fields pass; by default they are refused. */
  readonly ignoreUnknown?: boolean
  /** Lists of which a null is one without items, and not one that is not there. */
  readonly emptyIfNull?: readonly string[]
  /** The name that Go's decoder has for the object, in its sentences. */
  readonly goName?: string
}

export interface BodyOptions {
  /** How a refusal begins. */
  readonly refusal?: string
  /** Keeps integers that a double cannot hold, as bigint. */
  readonly isExact?: boolean
}

/** Parses a body and decodes it. Refuses (400) with `Request decode failed: …`. */
export function decodeBody<T>(body: Buffer, decode: Decode<T>, options: BodyOptions = {}): T {
  const { refusal = 'Request decode failed', isExact = false } = options
  try {
    return decode(parseJson(body.toString(), isExact), '')
  } catch (error) {
    if (error instanceof DecodeProblem) throw new Refusal(400, `${refusal}: ${error.message}`)
    throw error
  }
}

/** An object whose field names are matched without case; null fields are fields that are not there. */
export function object<S extends Shape>(
  shape: S,
  { aliases = {}, ignoreUnknown = false, emptyIfNull = [], goName = '' }: ObjectOptions = {},
): Decode<Decoded<S>> {
  const names = new Map([...Object.entries(aliases), ...Object.keys(shape).map((name) => [name.toLowerCase(), name] as const)])
  return (value, field) => {
    // Go decodes a null into nothing.
    if (value === null) return {}
    if (!isRecord(value)) throw mismatch(value, field, 'structs')
    const decoded: Record<string, unknown> = {}
    const path = `${goName}${field.includes('.') ? field.slice(field.indexOf('.')) : ''}`
    for (const [given, inner] of Object.entries(value)) {
      const name = names.get(given.toLowerCase())
      const decode = name === undefined ? undefined : shape[name]
      if (name === undefined || !decode) {
        if (ignoreUnknown) continue
        throw new DecodeProblem(`json: unknown field ${JSON.stringify(given)}`)
      }
      if (inner !== null) decoded[name] = decode(inner, `${path}.${name}`)
      else if (emptyIfNull.includes(name)) decoded[name] = []
    }
    return decoded as Decoded<S>
  }
}

export const text = textOf('string')

/** A text whose type has a name of its own in Go's sentences. */
export function textOf(goType: string): Decode<string> {
  return (value, field) => {
    if (typeof value !== 'string') throw mismatch(value, field, goType)
    return value
  }
}

export const flag: Decode<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw mismatch(value, field, 'bool')
  return value
}

export const integer: Decode<number> = (value, field) => {
  if (typeof value !== 'number') throw mismatch(value, field, 'int')
  if (!Number.isSafeInteger(value))
    throw new DecodeProblem(`json: cannot unmarshal number ${value} into Go struct field ${field} of type int`)
  return value
}

/** A number of 64 bits without sign; decode the body with `isExact`. */
export const uint64: Decode<bigint> = (value, field) => {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch(value, field, 'uint64')
  const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value)
  if (isWhole && value >= 0 && BigInt(value) < 2n ** 64n) return BigInt(value)
  throw new DecodeProblem(`json: cannot unmarshal number ${value} into Go struct field ${field} of type uint64`)
}

export const decimal: Decode<number> = (value, field) => {
  if (typeof value !== 'number') throw mismatch(value, field, 'float64')
  return value
}

/** Bytes in base64. */
export const base64: Decode<Buffer> = (value, field) => {
  if (typeof value !== 'string') throw mismatch(value, field, 'string')
  const text = value.replaceAll(/[\r\n]/g, '')
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return Buffer.from(text, 'base64')
  const wrong = value.search(/[^A-Za-z0-9+/=\r\n]/)
  throw new DecodeProblem(`illegal base64 data at input byte ${wrong < 0 ? value.length - (value.length % 4) : wrong}`)
}

/** A Go duration, or a number of ns; decoded into ns. */
export const durationNs: Decode<number> = (value, field) => {
  if (typeof value === 'number' && Math.abs(value) < longestNs) return value
  if (typeof value !== 'string') throw mismatch(value, field, 'time.Duration')
  if (value === '') return 0
  const parsed = parseGoDurationNs(value)
  if (typeof parsed === 'string') throw new DecodeProblem(parsed)
  return parsed
}

export const anything: Decode<unknown> = (value) => value

/** `goType` is the name of the list's type in Go's sentences. */
export function listOf<T>(item: Decode<T>, goType = '[]string'): Decode<readonly T[]> {
  return (value, field) => {
    if (value === null) return []
    if (!Array.isArray(value)) throw mismatch(value, field, goType)
    return value.map((inner: unknown) => item(inner, field))
  }
}

/** Maps are kept as Go writes them: sorted by key. */
export function mapOf<T>(item: Decode<T>, goType = 'map[string]string'): Decode<Readonly<Record<string, T>>> {
  return (value, field) => {
    if (!isRecord(value)) throw mismatch(value, field, goType)
    const entries = Object.entries(value).toSorted(([a], [b]) => compareBytes(a, b))
    return Object.fromEntries(entries.map(([key, inner]) => [key, item(inner, field)]))
  }
}

/** Its problems are told of the whole: Go's own decoders of a type do not say where in it they stopped. */
export function whole<T>(decode: Decode<T>): Decode<T> {
  return (value, field) => {
    try {
      return decode(value, field)
    } catch (error) {
      throw error instanceof Mismatch ? error.at(field) : error
    }
  }
}

/** Any object, with its keys as Go writes them: sorted, at every depth. */
export const sortedObject = mapOf<unknown>(sorted, 'map[string]interface {}')

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isRecord(value)) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => compareBytes(a, b))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

class DecodeProblem extends Error {}

/** A value of another type than the field's. */
class Mismatch extends DecodeProblem {
  readonly #found: string
  readonly #type: string

  constructor(found: string, field: string, type: string) {
    const target = field === '' ? 'value' : `struct field ${field}`
    super(`json: cannot unmarshal ${found} into Go ${target} of type ${type}`)
    this.#found = found
    this.#type = type
  }

  at(field: string): Mismatch {
    return new Mismatch(this.#found, field, this.#type)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mismatch(value: unknown, field: string, type: string): DecodeProblem {
  const found = Array.isArray(value)
    ? 'array'
    : typeof value === 'boolean'
      ? 'bool'
      : typeof value === 'bigint'
        ? 'number'
        : typeof value
  return new Mismatch(found, field, type)
}

// Go's decoder goes no deeper.
const mostDepth = 10_000

function parseJson(source: string, isExact: boolean): unknown {
  if (source.trim() === '') throw new DecodeProblem('EOF')
  if (source.length > mostDepth) refuseTooDeep(source)
  try {
    return isExact && /\d{16}/.test(source)
      ? JSON.parse(source, exactly as (key: string, value: unknown) => unknown)
      : JSON.parse(source)
  } catch {
    const first = firstValue(source)
    if (first.length < source.trimEnd().length) return parseJson(first, isExact)
    // The reason is found again below, in the words that clients of Consul know.
    throw new DecodeProblem(isCutOff(source) ? 'unexpected EOF' : 'invalid character in JSON value')
  }
}

/** What is nested without end would be walked without end by whoever stores or shows it. */
function refuseTooDeep(source: string): void {
  let depth = 0
  for (const [token] of source.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    if (depth > mostDepth) throw new DecodeProblem(`invalid character '${token}' exceeded max depth`)
  }
}

function exactly(_: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value === 'number' && source && /^-?\d+$/.test(source) && !Number.isSafeInteger(value) ? BigInt(source) : value
}

/** The list or object that a text begins with. Go's decoder reads one value, and does not look at what follows it. */
function firstValue(source: string): string {
  let depth = 0
  for (const { 0: token, index } of source.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    if (depth <= 0) return token === '}' || token === ']' ? source.slice(0, index + 1) : source
  }
  return source
}

/** Whether a broken JSON text only lacks its end: a string, a list or an object is still open. */
function isCutOff(source: string): boolean {
  const withoutStrings = source.replaceAll(/"(?:[^"\\]|\\.)*"/gs, '')
  if (withoutStrings.includes('"')) return true
  const opened = withoutStrings.match(/[[{]/g)?.length ?? 0
  const closed = withoutStrings.match(/[\]}]/g)?.length ?? 0
  return opened > closed
}
