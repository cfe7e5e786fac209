import { z } from 'zod'
import type { RequestHead, ResponseHead } from '../exchange.ts'
import { preferredCoding } from '../http/accept-encoding.ts'
import { fieldOf } from '../../http1/field.ts'
import { FieldNames, removeFields, setField } from '../http/header-list.ts'
import { addVary } from '../http/vary.ts'
import { CompressedDownstream, type Coding } from './compressed-downstream.ts'
import type { FilterKind } from './filter.ts'
import { bytesOf, sizeText } from './scalar-options.ts'

/** Content types whose answer is remembered. */
const MOST_KNOWN_TYPES = 256

const usualTypes = [
  'text/*',
  'application/json',
  'application/*+json',
  'application/javascript',
  'application/x-javascript',
  'application/xml',
  'application/*+xml',
  'application/x-ndjson',
  'application/manifest+json',
  'application/wasm',
  'image/svg+xml',
  'image/bmp',
  'font/ttf',
  'font/otf',
]

const codings: readonly Coding[] = ['zstd', 'br', 'gzip']

const options = z
  .strictObject({
    codings: z
      .array(z.enum(['zstd', 'br', 'gzip']))
      .min(1, 'names none: write [gzip]')
      .default([...codings])
      .meta({
        description: 'Which, in our order of preference; that of the client goes first. Default: [zstd, br, gzip].',
        examples: [['gzip']],
      }),
    min: sizeText.default('1KiB').meta({
      description: 'Shorter answers stay as they are; those that do not tell their length are compressed. Default: 1KiB.',
      examples: ['1KiB'],
    }),
    types: z
      .array(z.string().regex(/^[a-z0-9.+*-]+\/[a-z0-9.+*-]+$/, 'is not a media type: write text/html or text/*'))
      .min(1, 'names none: write [text/*]')
      .default(usualTypes)
      .meta({
        description: 'Media types worth it; * is any text. Default: text, JSON, XML, scripts, SVG, fonts.',
        examples: [['text/*']],
      }),
  })
  .describe(
    'Compresses answers for clients that can read it. Not those that are compressed already, parts (206), or marked no-transform. Leave it off where answers mix secrets with what a caller sends (BREACH).',
  )

/** `compress: { codings: [zstd, br, gzip], min: 1KiB }` */
export const compress: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ codings: offered, min, types }) => {
    const choice: Choice = { offered, minBytes: bytesOf(min), isWorth: compileTypes(types) }
    return {
      // Also the answer that is not compressed depends on what the client can read.
      onResponse: (head, request) => {
        if (isCompressible(choice, request, head)) addVary(head.headers, 'Accept-Encoding')
      },
      changesBody: (head, request) => codingOf(choice, request, head) !== null,
      onResponseBody: (downstream, request) => new CompressedDownstream(downstream, (head) => choose(choice, request, head)),
    }
  },
}

interface Choice {
  readonly offered: readonly Coding[]
  readonly minBytes: number
  readonly isWorth: (contentType: string) => boolean
}

// They tell of the bytes as they were (RFC 9530), or promise parts of them.
const ofTheBytes = new FieldNames(['content-length', 'accept-ranges', 'content-md5', 'digest', 'content-digest', 'repr-digest'])

/** The coding of an answer, whose head is then changed for it; null: it stays as it is. */
function choose(choice: Choice, request: RequestHead, head: ResponseHead): Coding | null {
  const { headers } = head
  // Another filter may have made another answer of it.
  if (isCompressible(choice, request, head)) addVary(headers, 'Accept-Encoding')
  const coding = codingOf(choice, request, head)
  if (!coding) return null
  removeFields(headers, ofTheBytes)
  setField(headers, 'Content-Encoding', coding)
  const tag = fieldOf(headers, 'etag')
  // RFC 9110 §8.8.1: other bytes, so the strong validator does not hold for them.
  if (tag?.startsWith('"')) setField(headers, 'ETag', `W/${tag}`)
  return coding
}

function codingOf(choice: Choice, request: RequestHead, head: ResponseHead): Coding | null {
  const length = fieldOf(head.headers, 'content-length')
  if (request.method === 'HEAD' || (length !== undefined && Number(length) < choice.minBytes)) return null
  if (!isCompressible(choice, request, head)) return null
  return codings.find((known) => known === preferredCoding(request.headers, choice.offered)) ?? null
}

/** Whether it would be compressed if it is long enough and the client can read it. */
function isCompressible({ isWorth }: Choice, request: RequestHead, { status, headers }: ResponseHead): boolean {
  if (!hasWholeBody(request, status) || !isWorth(fieldOf(headers, 'content-type') ?? '')) return false
  if ((fieldOf(headers, 'content-encoding') ?? 'identity') !== 'identity') return false
  return fieldOf(headers, 'content-range') === undefined && !forbidsTransforming(headers) && !forbidsTransforming(request.headers)
}

function hasWholeBody({ method }: RequestHead, status: number): boolean {
  return method !== 'CONNECT' && status >= 200 && status !== 204 && status !== 205 && status !== 206 && status !== 304
}

function forbidsTransforming(headers: readonly string[]): boolean {
  return fieldOf(headers, 'cache-control')?.toLowerCase().includes('no-transform') ?? false
}

function compileTypes(types: readonly string[]): (contentType: string) => boolean {
  const patterns = types.map((type) => type.replaceAll(/[.+]/g, String.raw`\$&`).replaceAll('*', '[^;,\\s]*'))
  const fits = new RegExp(`^(?:${patterns.join('|')})\\s*(?:;|$)`, 'i')
  // A service has few types, and the expression is long.
  const known = new Map<string, boolean>()
  return (contentType) => {
    let found = known.get(contentType)
    if (found !== undefined) return found
    found = fits.test(contentType)
    if (known.size >= MOST_KNOWN_TYPES) known.clear()
    known.set(contentType, found)
    return found
  }
}
