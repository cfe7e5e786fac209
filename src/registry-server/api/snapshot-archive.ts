import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { messageOf } from '../../errors.ts'
import { Refusal } from '../refusal.ts'
import { packTar, unpackTar, type TarFile } from './tar.ts'

const [zip, unzip] = [promisify(gzip), promisify(gunzip)]

/** What a snapshot may hold when it is unpacked. */
const maxUnpackedBytes = 1024 * 1024 * 1024

export interface SnapshotMeta {
  readonly index: bigint
  readonly atMs: number
  readonly server: { readonly id: string; readonly address: string }
}

/**
 * Packs a state as Consul does (a gzipped tar with `meta.json`, `state.bin` and `SHA256SUMS`), so that its command line can save it,
 * look at it and send it back. What is in `state.bin` is our own: a real server refuses it.
 */
export function packSnapshot(state: Buffer, { index, atMs, server }: SnapshotMeta): Promise<Buffer> {
  const meta = `{"Version":1,"ID":"1-${index}-${Math.floor(atMs)}","Index":${index},"Term":1,"Peers":null,"Configuration":{"Servers":[{"Suffrage":0,"ID":${JSON.stringify(server.id)},"Address":${JSON.stringify(server.address)}}]},"ConfigurationIndex":1,"Size":${state.length}}\n`
  const files: TarFile[] = [
    { name: 'meta.json', content: Buffer.from(meta) },
    { name: 'state.bin', content: state },
  ]
  const sums = files.map(({ name, content }) => `${sumOf(content)}  ${name}\n`).join('')
  return zip(packTar([...files, { name: 'SHA256SUMS', content: Buffer.from(sums) }], atMs / 1000))
}

/** The state in a snapshot. Refuses (500) one that is damaged or not whole. */
export async function unpackSnapshot(archive: Buffer): Promise<Buffer> {
  const files = unpackTar(await unzipped(archive))
  if (!files) throw unreadable('failed reading snapshot: unexpected EOF')
  const sums = new Map(
    (files.get('SHA256SUMS')?.toString() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  )
  for (const name of ['meta.json', 'state.bin']) {
    const content = files.get(name)
    const sum = sums.get(name)
    if (!content || !sum) throw unreadable(`failed checking integrity of snapshot: file missing for ${JSON.stringify(name)}`)
    if (sumOf(content) !== sum)
      throw unreadable(`failed checking integrity of snapshot: hash check failed for ${JSON.stringify(name)}`)
  }
  return files.get('state.bin') ?? Buffer.alloc(0)
}

async function unzipped(archive: Buffer): Promise<Buffer> {
  // Consul: its reader of gzip says these two before it looks at the content.
  if (archive.length === 0) throw new Refusal(500, 'failed to decompress snapshot: EOF')
  if (archive.length < 10) throw new Refusal(500, 'failed to decompress snapshot: unexpected EOF')
  if (archive[0] !== 0x1f || archive[1] !== 0x8b) throw new Refusal(500, 'failed to decompress snapshot: gzip: invalid header')
  try {
    return await unzip(archive, { maxOutputLength: maxUnpackedBytes })
  } catch (error) {
    throw unreadable(`failed reading snapshot: ${messageOf(error)}`)
  }
}

function sumOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

function unreadable(reason: string): Refusal {
  return new Refusal(500, `failed to read snapshot file: ${reason}`)
}
