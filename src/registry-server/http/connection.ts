import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { ErrorCode } from '../../errors.ts'
import { Backlog } from '../../http1/backlog.ts'
import { endLingering } from '../../http1/lingering-close.ts'
import { Outbox } from '../../http1/outbox.ts'
import { ReceiveTimer, type ReceiveLimits } from '../../http1/receive-timer.ts'
import { RequestReader, type HeadLimits, type RequestSink } from '../../http1/request-reader.ts'
import { SharedReading } from '../../http1/shared-reading.ts'
import type { Violation } from '../../http1/violation.ts'
import { Reply, type ReplyPort } from './reply.ts'
import { RequestBody } from './request-body.ts'
import { requestHead, type RequestHead } from './request-head.ts'

/** One request, to be answered once. */
export interface Incoming {
  readonly head: RequestHead
  /** null: it has none. */
  readonly body: RequestBody | null
  readonly reply: Reply
}

/** What a connection is a part of. */
export interface ConnectionHost {
  readonly clock: Clock
  dateField(): string
  /** Answers, at once or later. Throws nothing. */
  serve(incoming: Incoming): void
  onClosed(connection: Connection): void
}

const limits: HeadLimits & ReceiveLimits = {
  headBytes: 64 * 1024,
  headerCount: 1_000,
  // A watcher's connection may be quiet for as long as its longest wait (10 minutes and a sixteenth).
  firstByteTimeoutMs: 660_000,
  headTimeoutMs: 60_000,
  requestTimeoutMs: 60_000,
  bodyBytesPerSecond: 0,
  keepAliveMs: 660_000,
}
/** With more than this that a client has not taken yet, no more of its requests are read, bytes. */
const mostWaitingBytes = 256 * 1024

/** A client's connection: reads requests one after the other, so that answers leave in order, whatever is sent ahead of them. */
export class Connection implements RequestSink<RequestHead>, ReplyPort {
  readonly outbox: Outbox
  readonly #socket: Socket
  readonly #host: ConnectionHost
  readonly #reader: RequestReader<RequestHead>
  readonly #timer: ReceiveTimer
  /** Read, but not served yet: what has come of its body is read before. */
  #head: RequestHead | null = null
  #body: RequestBody | null = null
  #reply: Reply | null = null
  /** Requests that stand behind the one being answered. */
  readonly #backlog: Backlog
  #isReading = false
  /** No more is read as requests. */
  #isOver = false
  /** The client has said that it sends no more. */
  #hasEnded = false
  #lingers = false
  #owesContinue = false

  constructor(accepted: Socket, host: ConnectionHost) {
    const { socket } = new SharedReading(accepted, this.#onRead)
    this.#socket = socket
    this.#backlog = new Backlog(socket)
    this.#host = host
    this.outbox = new Outbox(socket)
    this.#reader = new RequestReader(limits, requestHead, this)
    this.#timer = new ReceiveTimer(socket, host.clock, limits)
    // A broken connection is told by 'close' as well; without a listener the 'error' would end the process.
    socket.on('end', this.#onEnd).on('close', this.#onClose).on('timeout', this.#onTimeout).on('error', ignore)
    socket.on('drain', this.#goOn)
  }

  // RFC 9110 §10.1.1: a client that was not told to continue may send its body or not, so what comes next cannot be understood.
  get isLastReply(): boolean {
    return this.#isOver || this.#owesContinue || (this.#hasEnded && this.#backlog.isEmpty && !this.#isReading)
  }

  dateField(): string {
    return this.#host.dateField()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  onRequest(head: RequestHead): void {
    const { isChunked, lengthBytes, expect } = head.fields
    this.#head = head
    this.#reply = new Reply(this, head)
    this.#body = head.hasBody ? new RequestBody(isChunked ? -1 : lengthBytes, this.#onBodyWanted) : null
    this.#owesContinue = head.hasBody && expect !== '' && !head.isHttp10
  }

  onBody(piece: Buffer): void {
    this.#owesContinue = false
    this.#body?.add(piece)
    if (this.#body?.isTooLongToDrop) this.destroy()
  }

  onBodyEnd(): void {
    this.#body?.finish()
    this.#timer.rest()
  }

  onViolation({ code }: Violation): void {
    // What is wrong with a body is told to whoever reads it, unless nobody has been told of the request yet.
    if (this.#isInBody && !this.#head) this.#breakBody()
    else this.#refuse(code)
  }

  onReplied(closes: boolean): void {
    this.#reply = null
    if (closes || this.isLastReply) return this.#end()
    if (this.#isInBody) this.#body?.drop()
    if (this.outbox.waitingBytes > mostWaitingBytes) this.outbox.flush()
    this.#goOn()
  }

  /** Whether the rest of a body is to come. */
  get #isInBody(): boolean {
    return this.#body !== null && !this.#body.isComplete
  }

  /** Whether requests are to be read: not before the one before them is answered, and the client takes the answers. */
  get #isListening(): boolean {
    if (this.#isOver) return false
    return this.#isInBody || (this.#reply === null && this.outbox.waitingBytes <= mostWaitingBytes)
  }

  readonly #onRead = (memory: Buffer, length: number): void => {
    if (this.#isListening) this.#read(memory, length)
    else if (!this.#isOver) this.#backlog.keep(memory.subarray(0, length))
  }

  /** Reads what has come meanwhile. */
  readonly #goOn = (): void => {
    if (this.#isReading || !this.#isListening) return
    const backlog = this.#backlog.take()
    if (backlog) this.#read(backlog, backlog.length)
  }

  #read(chunk: Buffer, to: number): void {
    this.#isReading = true
    let at = 0
    while (at < to && this.#isListening) {
      at = this.#reader.read(chunk, at, to)
      const head = this.#head
      this.#head = null
      if (head) this.#serve(head)
    }
    this.#isReading = false
    if (this.#isOver) return
    if (at < to) this.#backlog.keep(chunk.subarray(at, to))
    else if (this.#hasEnded && !this.#reply) this.#end()
    if (this.#isInBody && !this.#timer.goOnWithBody(to)) this.#breakBody()
    else if (this.#reader.isInHead && !this.#timer.goOnWithHead()) this.#refuse('request_timeout')
  }

  #serve(head: RequestHead): void {
    this.#timer.rest()
    const reply = this.#reply
    const { expect } = head.fields
    if (expect !== '' && expect !== '100-continue' && !head.isHttp10) return this.#refuse('expectation_failed')
    if (head.target === '*') return reply?.send(200, [], '')
    if (reply) this.#host.serve({ head, body: this.#body, reply })
  }

  readonly #onBodyWanted = (): void => {
    if (this.#owesContinue) this.outbox.add('HTTP/1.1 100 Continue\r\n\r\n')
    this.#owesContinue = false
  }

  #breakBody(): void {
    this.#isOver = true
    this.#lingers = true
    this.#body?.break()
    if (!this.#reply) this.#end()
  }

  /** Answers what cannot be understood, or did not come in time, as Go's server does. */
  #refuse(code: ErrorCode): void {
    this.#isOver = true
    this.#lingers = true
    this.#head = null
    this.#reply ??= new Reply(this, null)
    const [status, text] = refusals[code] ?? badRequest
    this.#reply.send(status, ['Content-Type', 'text/plain; charset=utf-8'], text)
  }

  #end(): void {
    this.#isOver = true
    this.outbox.flush()
    if (this.#lingers || this.#isInBody || !this.#backlog.isEmpty) endLingering(this.#socket, this.#host.clock)
    else this.#socket.destroySoon()
  }

  readonly #onTimeout = (): void => {
    if (this.#isInBody) {
      if (!this.#timer.goOnAfterSilence()) this.#breakBody()
    } else if (this.#reader.isInHead && !this.#isOver) this.#refuse('request_timeout')
    // An idle connection, or one whose client does not read the end of the last answer.
    else if (!this.#reply) this.destroy()
  }

  readonly #onEnd = (): void => {
    this.#hasEnded = true
    if (this.#isInBody || this.#reader.isInHead) return this.destroy()
    // It still gets its answer, as from Go's server; whatever waits for something to happen waits no longer.
    if (this.#reply) return this.#reply.onGone?.()
    if (this.#backlog.isEmpty) this.#end()
  }

  readonly #onClose = (): void => {
    this.#isOver = true
    this.#reply?.leave()
    this.#body?.break()
    this.#host.onClosed(this)
  }
}

const badRequest = [400, '400 Bad Request'] as const
const refusals: Readonly<Partial<Record<ErrorCode, readonly [status: number, text: string]>>> = {
  bad_host: [400, '400 Bad Request: missing required Host header'],
  header_too_large: [431, '431 Request Header Fields Too Large'],
  request_timeout: [408, '408 Request Timeout'],
  expectation_failed: [417, ''],
}

function ignore(): void {}
