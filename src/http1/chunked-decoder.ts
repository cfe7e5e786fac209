import { ChunkLine } from './chunk-line.ts'
import { FieldSection, parseFields } from './field-section.ts'
import { isField } from './field.ts'
import { HeadCollector } from './head-collector.ts'
import { cr, lf } from './octets.ts'
import { violations, type Violation } from './violation.ts'

/** Where the data of chunks go. */
export interface ChunkSink {
  onBody(chunk: Buffer): void
}

/** The trailer of a message, bytes. */
const MOST_TRAILER_BYTES = 4_096
const MOST_TRAILER_FIELDS = 32

// Where the decoder stands.
const [inLine, inData, inDataEnd, beforeTrailer, inTrailerEnd, inTrailer, isDone] = [0, 1, 2, 3, 4, 5, 6] as const

/** Takes a chunked body apart (RFC 9112 §7.1). Extensions and trailers are checked, bounded and dropped. */
export class ChunkedDecoder {
  violation: Violation | null = null
  readonly #line = new ChunkLine()
  #state: number = inLine
  #left = 0
  #trailer: HeadCollector | null = null
  #sawCr = false

  get isDone(): boolean {
    return this.#state === isDone
  }

  /** Reads `chunk` from `from` up to `to` and gives where it stopped: at the end of the body, at a violation, or at `to`. */
  read(chunk: Buffer, [from, to]: readonly [number, number], sink: ChunkSink): number {
    let at = from
    while (at < to && this.#state !== isDone && this.violation === null) {
      if (this.#state === inData) at = this.#readData(chunk, [at, to], sink)
      else if (this.#state === inTrailer) at = this.#readTrailer(chunk, at, to)
      else this.#readOctet(chunk[at++] ?? 0)
    }
    return at
  }

  #readData(chunk: Buffer, [at, to]: readonly [number, number], sink: ChunkSink): number {
    const end = Math.min(to, at + this.#left)
    this.#left -= end - at
    if (this.#left === 0) this.#state = inDataEnd
    sink.onBody(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end))
    return end
  }

  #readOctet(code: number): void {
    if (this.#state === inLine) return this.#readLine(code)
    if (this.#state === inDataEnd) return this.#readEnd(code, violations.chunkEnd, inLine)
    if (this.#state === inTrailerEnd) return this.#readEnd(code, violations.chunkLineEnd, isDone)
    // RFC 9112 §7.1.2: right behind the last chunk either the end, or the first octet of a trailer.
    if (code === cr) {
      this.#sawCr = true
      this.#state = inTrailerEnd
      return
    }
    this.#state = inTrailer
    this.#trailer = new HeadCollector({ bytes: MOST_TRAILER_BYTES, tooLong: violations.trailerTooLong, firstLine: () => null })
    this.#readTrailer(Buffer.of(code), 0, 1)
  }

  #readLine(code: number): void {
    this.violation = this.#line.read(code)
    if (this.violation || !this.#line.isWhole) return
    this.#left = this.#line.takeSize()
    this.#state = this.#left === 0 ? beforeTrailer : inData
  }

  #readEnd(code: number, violation: Violation, next: number): void {
    if (code !== (this.#sawCr ? lf : cr)) {
      this.violation = violation
      return
    }
    if (this.#sawCr) this.#state = next
    this.#sawCr = !this.#sawCr
  }

  #readTrailer(chunk: Buffer, from: number, to: number): number {
    const collector = this.#trailer
    if (!collector) return to
    const end = collector.add(chunk, from, to)
    this.violation = collector.violation
    if (end === -1) return to
    this.violation = trailerViolation(collector.take())
    this.#state = isDone
    return end
  }
}

const forbiddenInTrailer = ['content-length', 'transfer-encoding', 'host', 'connection', 'trailer', 'content-encoding']

function trailerViolation(text: string): Violation | null {
  const fields = new FieldSection()
  const violation = parseFields(text, [0, text.length], fields, MOST_TRAILER_FIELDS)
  if (violation) return violation === violations.tooManyFields ? violations.trailerTooLong : violation
  const { list } = fields
  for (let i = 0; i < list.length; i += 2) {
    if (forbiddenInTrailer.some((name) => isField(list[i] ?? '', name))) return violations.trailerField
  }
  return null
}
