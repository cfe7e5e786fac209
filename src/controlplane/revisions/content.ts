import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { KvEntry } from '../../registry/registry.ts'

/** One file as it was applied. */
export interface RevisionFile {
  /** As the person named it. */
  readonly name: string
  readonly text: string
}

/** An immutable config document: its id is the hash of what it says. */
export interface RevisionContent {
  /** SHA-256 in hex. */
  readonly id: string
  readonly files: readonly RevisionFile[]
}

/** What the first key of a revision tells of the others. */
interface Manifest {
  /** Keys that hold a piece each. */
  readonly pieces: number
  readonly bytes: number
  /** When it was written, ISO 8601. */
  readonly at: string
}

/** All files together, bytes. */
export const MAX_REVISION_BYTES = 8 * 1024 * 1024

/** Of one key, below the registry's limit of 512 KiB. */
const PIECE_BYTES = 400 * 1024

export const MANIFEST = 'manifest'

const fileList = z.array(z.object({ name: z.string(), text: z.string() }))
const manifest = z.object({ pieces: z.int().min(1).max(1_000), bytes: z.int().min(1), at: z.string() })

/** So much of an id is shown to people. */
export function shortId(id: string): string {
  return id.slice(0, 12)
}

/** Makes a revision of files. */
export function contentOf(files: readonly RevisionFile[]): RevisionContent {
  return { id: hashOf(encode(files)), files: files.map(({ name, text }) => ({ name, text })) }
}

/** How many bytes a revision takes. */
export function sizeOf({ files }: RevisionContent): number {
  return encode(files).length
}

/** What a revision is in KV: values by the last part of their keys, the manifest first. */
export function piecesOf({ files }: RevisionContent, at: string): ReadonlyMap<string, Buffer> {
  const bytes = encode(files)
  const count = Math.ceil(bytes.length / PIECE_BYTES)
  const pieces = Array.from({ length: count }, (_, index) => bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES))
  const head: Manifest = { pieces: count, bytes: bytes.length, at }
  return new Map([
    [MANIFEST, Buffer.from(JSON.stringify(head))],
    ...pieces.map((piece, index) => [pieceName(index), piece] as const),
  ])
}

/** Puts the keys of a revision together. Gives a sentence in place of one that is incomplete, or not what its id says. */
export function joinPieces(
  id: string,
  entries: readonly Pick<KvEntry, 'key' | 'value'>[],
): RevisionContent | { readonly damage: string } {
  const values = new Map(entries.map(({ key, value }) => [key.slice(key.lastIndexOf('/') + 1), value]))
  const head = readManifest(values.get(MANIFEST))
  if (!head) return { damage: values.has(MANIFEST) ? 'its manifest makes no sense' : 'it is not there' }
  const pieces = Array.from({ length: head.pieces }, (_, index) => values.get(pieceName(index)))
  const found = pieces.filter((piece) => piece !== undefined)
  if (found.length < head.pieces) return { damage: `only ${found.length} of its ${head.pieces} pieces are there` }
  const bytes = Buffer.concat(found)
  if (hashOf(bytes) !== id) return { damage: 'its content does not have the hash that it is named by' }
  return { id, files: fileList.parse(JSON.parse(bytes.toString('utf8'))) }
}

/** Null: there is none, or none that makes sense. */
export function readManifest(value: Buffer | undefined): Manifest | null {
  if (!value) return null
  try {
    return manifest.parse(JSON.parse(value.toString('utf8')))
  } catch {
    return null
  }
}

function pieceName(index: number): string {
  return String(index + 1).padStart(4, '0')
}

function encode(files: readonly RevisionFile[]): Buffer {
  return Buffer.from(JSON.stringify(files.map(({ name, text }) => ({ name, text }))))
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
