import { ChunkedDecoder } from './chunked-decoder.ts'
import { HeadCollector } from './head-collector.ts'
import { headEnd } from './head-end.ts'
import type { FieldSection } from './field-section.ts'
import { Violation, violations } from './violation.ts'

/** What bounds a message's head. */
export interface HeadLimits {
  /** The request head, bytes. */
  readonly headBytes: number
  /** Fields in a request head. */
  readonly headerCount: number
}

/** How a request's head is understood. */
export interface HeadParser<Request extends ReadRequest> {
  /** Says what is wrong with a first line, CR LF included, or null. */
  readonly firstLineViolation: (text: string) => Violation | null
  /** Parses `text` up to `end`: a request line and field lines, each with its CR LF, without the empty line. */
  readonly parse: (text: string, end: number, mostFields: number) => Request | Violation
}

/** What frames a request. */
export interface ReadRequest {
  readonly fields: FieldSection
}

/** Where the parts of requests go. */
export interface RequestSink<Request> {
  /** A head. If it has a body, pieces and `onBodyEnd` follow. */
  onRequest(request: Request): void
  /** A piece of what is being read, in the same memory. */
  onBody(chunk: Buffer): void
  onBodyEnd(): void
  /** The end of what can be understood: nothing more comes, whatever is read. */
  onViolation(violation: Violation): void
}

/** Reads requests from octets, wherever these are cut (RFC 9112). What could be read in two ways is refused. */
export class RequestReader<Request extends ReadRequest> {
  readonly #limits: HeadLimits
  readonly #parser: HeadParser<Request>
  readonly #sink: RequestSink<Request>
  #collector: HeadCollector | null = null
  #chunked: ChunkedDecoder | null = null
  /** Of a body with a length, bytes. */
  #left = 0
  #isBroken = false

  constructor(limits: HeadLimits, parser: HeadParser<Request>, sink: RequestSink<Request>) {
    this.#limits = limits
    this.#parser = parser
    this.#sink = sink
  }

  /** Whether octets of a head have come, but not all. */
  get isInHead(): boolean {
    return this.#collector !== null && !this.#collector.isEmpty
  }

  get isInBody(): boolean {
    return this.#left > 0 || this.#chunked !== null
  }

  /** Reads `chunk` from `from` up to `to` and gives where it stopped: behind the end of a request, or at `to`. */
  read(chunk: Buffer, from: number, to: number): number {
    let at = from
    if (!this.isInBody && !this.#isBroken) {
      at = this.#readHead(chunk, at, to)
      if (!this.isInBody) return at
    }
    if (this.#isBroken || at === to) return to
    return this.#chunked ? this.#readChunks(this.#chunked, chunk, [at, to]) : this.#readLength(chunk, at, to)
  }

  #readHead(chunk: Buffer, from: number, to: number): number {
    if (this.#collector) return this.#collect(this.#collector, chunk, [from, to])
    const { headBytes, headerCount } = this.#limits
    const whole = chunk.toString('latin1', from, Math.min(to, from + headBytes))
    const end = headEnd(whole)
    if (end === -1) return this.#collect(this.#newCollector(), chunk, [from, to])
    // Names and values are slices that keep the whole text in memory, so it is not kept longer than the head.
    const text = end + 2 === whole.length ? whole : chunk.toString('latin1', from, from + end)
    this.#begin(this.#parser.parse(text, end, headerCount))
    return from + end + 2
  }

  #newCollector(): HeadCollector {
    return (this.#collector = new HeadCollector({
      bytes: this.#limits.headBytes,
      tooLong: violations.headTooLong,
      firstLine: this.#parser.firstLineViolation,
    }))
  }

  #collect(collector: HeadCollector, chunk: Buffer, [from, to]: readonly [number, number]): number {
    const end = collector.add(chunk, from, to)
    if (collector.violation) this.#break(collector.violation)
    if (end === -1) return to
    const text = collector.take()
    this.#collector = null
    this.#begin(this.#parser.parse(text, text.length, this.#limits.headerCount))
    return end
  }

  #begin(request: Request | Violation): void {
    if (request instanceof Violation) return this.#break(request)
    const { isChunked, lengthBytes } = request.fields
    if (isChunked) this.#chunked = new ChunkedDecoder()
    else this.#left = Math.max(lengthBytes, 0)
    this.#sink.onRequest(request)
  }

  #readLength(chunk: Buffer, at: number, to: number): number {
    const end = Math.min(to, at + this.#left)
    this.#left -= end - at
    this.#sink.onBody(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end))
    if (this.#left === 0) this.#sink.onBodyEnd()
    return end
  }

  #readChunks(decoder: ChunkedDecoder, chunk: Buffer, [at, to]: readonly [number, number]): number {
    const end = decoder.read(chunk, [at, to], this.#sink)
    if (decoder.violation) {
      this.#break(decoder.violation)
      return to
    }
    if (decoder.isDone) {
      this.#chunked = null
      this.#sink.onBodyEnd()
    }
    return end
  }

  #break(violation: Violation): void {
    this.#isBroken = true
    this.#sink.onViolation(violation)
  }
}
