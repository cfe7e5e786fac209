/** The little of the tar format (POSIX ustar) that a snapshot needs: plain files, one after the other. */

export interface TarFile {
  readonly name: string
  readonly content: Buffer
}

const blockBytes = 512
// Field positions of a ustar header.
const [modeAt, sizeAt, timeAt, checksumAt, typeAt, magicAt] = [100, 124, 136, 148, 156, 257]

export function packTar(files: readonly TarFile[], atSeconds: number): Buffer {
  const parts = files.flatMap(({ name, content }) => [
    headerOf(name, content.length, atSeconds),
    content,
    padding(content.length),
  ])
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)])
}

/** The files of an archive by name; null when it is damaged. */
export function unpackTar(archive: Buffer): ReadonlyMap<string, Buffer> | null {
  const files = new Map<string, Buffer>()
  for (let at = 0; at + blockBytes <= archive.length;) {
    const header = archive.subarray(at, at + blockBytes)
    if (header.every((byte) => byte === 0)) return files
    const bytes = Number.parseInt(textAt(header, sizeAt, 12), 8)
    const start = at + blockBytes
    if (!hasChecksum(header) || !(bytes >= 0) || start + bytes > archive.length) return null
    files.set(textAt(header, 0, 100), archive.subarray(start, start + bytes))
    at = start + Math.ceil(bytes / blockBytes) * blockBytes
  }
  return null
}

function headerOf(name: string, bytes: number, atSeconds: number): Buffer {
  const header = Buffer.alloc(blockBytes)
  header.write(name, 0)
  header.write('0000600\0', modeAt)
  header.write('0000000\0'.repeat(2), modeAt + 8)
  header.write(`${bytes.toString(8).padStart(11, '0')}\0`, sizeAt)
  header.write(`${Math.floor(atSeconds).toString(8).padStart(11, '0')}\0`, timeAt)
  header.write('0', typeAt)
  header.write('ustar\u000000', magicAt)
  header.write(`${sumOf(header).toString(8).padStart(6, '0')}\0 `, checksumAt)
  return header
}

function padding(bytes: number): Buffer {
  return Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes)
}

/** The sum of all bytes, those of the checksum taken as spaces. */
function sumOf(header: Buffer): number {
  const blank = Buffer.from(header).fill(' ', checksumAt, checksumAt + 8)
  return blank.reduce((sum, byte) => sum + byte, 0)
}

function hasChecksum(header: Buffer): boolean {
  return Number.parseInt(textAt(header, checksumAt, 8), 8) === sumOf(header)
}

function textAt(header: Buffer, at: number, bytes: number): string {
  const field = header.subarray(at, at + bytes)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? bytes : end)
}
