import { ChunkedDecoder } from '../../http1/chunked-decoder.ts'
import { HeadCollector } from '../../http1/head-collector.ts'
import { headEnd } from '../../http1/head-end.ts'
import type { HeadLimits } from '../../http1/request-reader.ts'
import { parseResponseHead, statusLineViolation, type ParsedResponse } from './response-head.ts'
import { Violation, violations } from '../../http1/violation.ts'

/** Where the parts of responses go. */
export interface ResponseSink {
  /** An answer before the answer (1xx). */
  onInterim(response: ParsedResponse): void
  onHead(response: ParsedResponse): void
  onBody(chunk: Buffer): void
  /** The response is whole. */
  onEnd(): void
  /** The end of what can be understood: nothing more comes, whatever is read. */
  onViolation(violation: Violation): void
}

/** Interim answers before one answer: more are a way to keep a client waiting for ever. */
const MOST_INTERIMS = 32
/** Most heads are shorter, bytes: the rest of a chunk is body. */
const USUAL_HEAD_BYTES = 1_024

// Where the reader stands.
const [isIdle, inHead, inLength, inChunks, untilClose, isBroken] = [0, 1, 2, 3, 4, 5] as const

/** Reads responses from octets, wherever these are cut (RFC 9112): one for each {@link begin}. */
export class ResponseReader {
  readonly #limits: HeadLimits
  readonly #sink: ResponseSink
  #state: number = isIdle
  #isHead = false
  #collector: HeadCollector | null = null
  #chunked: ChunkedDecoder | null = null
  #left = 0
  #interims = 0

  constructor(limits: HeadLimits, sink: ResponseSink) {
    this.#limits = limits
    this.#sink = sink
  }

  /** Whether an octet of the response that is expected has come. */
  get hasBegun(): boolean {
    return this.#state !== inHead || this.#interims > 0 || (this.#collector !== null && !this.#collector.isEmpty)
  }

  /** Whether the response that has begun ends with the connection. */
  get isUntilClose(): boolean {
    return this.#state === untilClose
  }

  /** Expects the response to a request of this method. */
  begin(method: string): void {
    this.#state = inHead
    this.#isHead = method === 'HEAD'
    this.#interims = 0
  }

  /** Reads `chunk` up to `to`. Octets that belong to no response are a violation. */
  read(chunk: Buffer, to: number): void {
    let at = 0
    while (at < to && this.#state !== isBroken) {
      if (this.#state === inHead) at = this.#readHead(chunk, at, to)
      else if (this.#state === isIdle) this.#break(violations.surplus)
      else at = this.#readBody(chunk, at, to)
    }
  }

  /** The connection has ended. True: that was the end of the body; false: something is missing, or nothing was expected. */
  end(): boolean {
    if (this.#state !== untilClose) return false
    this.#finish()
    return true
  }

  #readHead(chunk: Buffer, from: number, to: number): number {
    if (this.#collector) return this.#collect(this.#collector, chunk, [from, to])
    const { headBytes, headerCount } = this.#limits
    let text = chunk.toString('latin1', from, Math.min(to, from + USUAL_HEAD_BYTES))
    let end = headEnd(text)
    if (end === -1 && to - from > USUAL_HEAD_BYTES) {
      text = chunk.toString('latin1', from, Math.min(to, from + headBytes))
      end = headEnd(text)
      if (end !== -1) text = chunk.toString('latin1', from, from + end)
    }
    if (end === -1) return this.#collect(this.#newCollector(), chunk, [from, to])
    this.#begin(parseResponseHead(text, end, headerCount))
    return from + end + 2
  }

  #newCollector(): HeadCollector {
    return (this.#collector = new HeadCollector({
      bytes: this.#limits.headBytes,
      tooLong: violations.headTooLong,
      firstLine: statusLineViolation,
    }))
  }

  #collect(collector: HeadCollector, chunk: Buffer, [from, to]: readonly [number, number]): number {
    const end = collector.add(chunk, from, to)
    if (collector.violation) this.#break(collector.violation)
    if (end === -1) return to
    const text = collector.take()
    this.#collector = null
    this.#begin(parseResponseHead(text, text.length, this.#limits.headerCount))
    return end
  }

  #begin(response: ParsedResponse | Violation): void {
    if (response instanceof Violation) return this.#break(response)
    if (response.status < 200) return this.#beginInterim(response)
    this.#state = this.#bodyStateOf(response)
    this.#sink.onHead(response)
    if (this.#state === isIdle) this.#sink.onEnd()
  }

  #beginInterim(response: ParsedResponse): void {
    if (response.status === 101) return this.#break(violations.switching)
    if (!response.persists) return this.#break(violations.interimClose)
    if (++this.#interims > MOST_INTERIMS) return this.#break(violations.interims)
    this.#sink.onInterim(response)
  }

  /** RFC 9112 §6.3. */
  #bodyStateOf({ status, fields: { isChunked, lengthBytes } }: ParsedResponse): number {
    if (this.#isHead || status === 204 || status === 304) return isIdle
    if (isChunked) {
      this.#chunked = new ChunkedDecoder()
      return inChunks
    }
    if (lengthBytes === -1) return untilClose
    this.#left = lengthBytes
    return lengthBytes === 0 ? isIdle : inLength
  }

  #readBody(chunk: Buffer, at: number, to: number): number {
    if (this.#state === inChunks && this.#chunked) return this.#readChunks(this.#chunked, chunk, [at, to])
    const end = this.#state === inLength ? Math.min(to, at + this.#left) : to
    this.#sink.onBody(chunk.subarray(at, end))
    if (this.#state !== inLength) return end
    this.#left -= end - at
    if (this.#left === 0) this.#finish()
    return end
  }

  #readChunks(decoder: ChunkedDecoder, chunk: Buffer, [at, to]: readonly [number, number]): number {
    const end = decoder.read(chunk, [at, to], this.#sink)
    if (decoder.violation) this.#break(decoder.violation)
    else if (decoder.isDone) this.#finish()
    return end
  }

  #finish(): void {
    this.#state = isIdle
    this.#chunked = null
    this.#sink.onEnd()
  }

  #break(violation: Violation): void {
    this.#state = isBroken
    this.#sink.onViolation(violation)
  }
}
