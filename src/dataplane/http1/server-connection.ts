import type { Socket } from 'node:net'
import type { Address } from '../../address.ts'
import type { Clock } from '../../clock.ts'
import { GatewayError, type ErrorCode } from '../../errors.ts'
import type { Downstream, RequestBody } from '../exchange.ts'
import { parseAuthority } from '../http/authority.ts'
import { unmapped } from '../http/forwarded.ts'
import type { ListenerLimits } from '../limits.ts'
import { IncomingBody } from './incoming-body.ts'
import { Backlog } from '../../http1/backlog.ts'
import { endLingering } from '../../http1/lingering-close.ts'
import { Outbox } from '../../http1/outbox.ts'
import { ReceiveTimer } from '../../http1/receive-timer.ts'
import { RequestReader, type HeadParser, type RequestSink } from '../../http1/request-reader.ts'
import type { ParsedRequest } from './request-head.ts'
import { SharedReading } from '../../http1/shared-reading.ts'
import { copyOfPiece } from './piece-memory.ts'
import { ServerAnswer, type AnswerPort } from './server-answer.ts'
import type { Violation } from '../../http1/violation.ts'

/** What comes with a request's head. */
export interface Origin {
  readonly body: RequestBody | null
  readonly downstream: Downstream
  readonly socket: Socket
}

/** What a connection is a part of. */
export interface ConnectionHost {
  readonly clock: Clock
  readonly limits: ListenerLimits
  readonly requestHead: HeadParser<ParsedRequest>
  /** Whether each connection ends with the answer that it is about to give. */
  readonly isDraining: boolean
  dateField(): string
  /** Gives the code with which to refuse it, or null: it is served. */
  onRequest(request: ParsedRequest, from: Origin): ErrorCode | null
  /** The connection is handed over; nobody reads from it. `head` is what has come behind the request. */
  onTunnel(request: ParsedRequest, socket: Socket, head: Buffer): void
  /** A request that cannot be understood, or did not come in time, is to be answered; the connection ends with the answer. */
  onRefused(code: ErrorCode, detail: string, downstream: Downstream): void
  onClosed(connection: ServerConnection): void
}

/** A client's connection: reads requests one after the other, so that answers leave in order, whatever is sent ahead of them. */
export class ServerConnection implements RequestSink<ParsedRequest>, AnswerPort {
  readonly outbox: Outbox
  readonly #socket: Socket
  readonly #reading: SharedReading
  readonly #host: ConnectionHost
  readonly #reader: RequestReader<ParsedRequest>
  readonly #timer: ReceiveTimer
  /** Taken, but not handed on yet: what has come of its body is read before. */
  #request: ParsedRequest | null = null
  #answer: ServerAnswer | null = null
  #body: IncomingBody | null = null
  /** Requests that stand behind the one being answered. */
  readonly #backlog: Backlog
  #isNew = true
  #isReading = false
  /** No more is read as requests. */
  #isOver = false
  #lingers = false
  #owesContinue = false

  constructor(accepted: Socket, host: ConnectionHost) {
    this.#reading = new SharedReading(accepted, this.#onRead)
    const { socket } = this.#reading
    this.#socket = socket
    this.#backlog = new Backlog(socket)
    this.#host = host
    this.outbox = new Outbox(socket)
    this.#reader = new RequestReader(host.limits, host.requestHead, this)
    this.#timer = new ReceiveTimer(socket, host.clock, host.limits)
    socket.on('end', this.#onEnd).on('close', this.#onClose)
    socket.on('error', ignore).on('timeout', this.#onTimeout).on('drain', this.#onDrain)
  }

  get isLastAnswer(): boolean {
    return this.#isOver || this.#host.isDraining || this.#isInBody
  }

  dateField(): string {
    return this.#host.dateField()
  }

  /**
   * Ends the connection if no request is under way on it. One that is `spared` while it is new has brought no request yet: its first one is
   * on its way, and the client has no reason to expect an end.
   */
  endIfIdle(spared: 'new' | 'none'): void {
    if (this.#answer || this.#reader.isInHead || this.#isOver || (this.#isNew && spared === 'new')) return
    this.#isOver = true
    this.outbox.flush()
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  onRequest(request: ParsedRequest): void {
    const { isChunked, lengthBytes, expect } = request.fields
    this.#isNew = false
    this.#request = request
    this.#answer = new ServerAnswer(this, request)
    if (!request.hasBody) return
    this.#body = new IncomingBody(isChunked ? null : lengthBytes)
    this.#body.onWanted = this.#onBodyWanted
    this.#owesContinue = expect !== '' && !request.isHttp10
  }

  onBody(chunk: Buffer): void {
    this.#owesContinue = false
    this.#body?.add(copyOfPiece(chunk))
  }

  onBodyEnd(): void {
    this.#body?.finish()
    this.#timer.rest()
  }

  onViolation({ code, detail }: Violation): void {
    // What is wrong with a body ends the exchange that it belongs to, unless nobody has been told of that yet.
    if (this.#isInBody && !this.#request) this.#breakBody(code, detail)
    else this.#refuse(code, detail)
  }

  onAnswered(closes: boolean): void {
    this.#lingers ||= this.#isInBody
    this.#answer = null
    this.#body = null
    if (closes || this.isLastAnswer) return this.#end()
    if (!this.#isReading) this.#readBacklog()
  }

  cut(reset: boolean): void {
    this.#isOver = true
    this.outbox.flush()
    if (reset) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  /** Whether the rest of a body is to come. */
  get #isInBody(): boolean {
    return this.#body !== null && !this.#body.isComplete
  }

  /** Whether requests are to be read: not before the one before them is answered. */
  get #isListening(): boolean {
    return this.#isInBody || (!this.#isOver && this.#answer === null)
  }

  readonly #onRead = (memory: Buffer, length: number): void => {
    if (this.#isListening) this.#read(memory, length)
    else if (!this.#isOver) this.#backlog.keep(memory.subarray(0, length))
  }

  #readBacklog(): void {
    const backlog = this.#backlog.take()
    if (backlog) this.#read(backlog, backlog.length)
  }

  #read(chunk: Buffer, to: number): void {
    this.#isReading = true
    let at = 0
    while (at < to && this.#isListening) {
      at = this.#reader.read(chunk, at, to)
      const request = this.#request
      this.#request = null
      if (request?.asksForTunnel) return this.#handOver(request, Buffer.from(chunk.subarray(at, to)))
      if (request) this.#serve(request)
    }
    this.#isReading = false
    if (this.#isOver) return
    if (at < to) this.#backlog.keep(chunk.subarray(at, to))
    if (this.#isInBody) this.#afterBodyPiece(to)
    else if (this.#reader.isInHead && !this.#timer.goOnWithHead()) this.#refuse('request_timeout', 'the head took too long')
  }

  #serve(request: ParsedRequest): void {
    this.#timer.rest()
    if (request.fields.hostCount === 0) request.assumeHost(localAddressOf(this.#socket))
    if (!request.isExpectationMet) this.#refuse('expectation_failed', `Expect: ${request.fields.expect}`)
    else if (request.isForServer) this.#answerForServer(request)
    else if (this.#answer) {
      const code = this.#host.onRequest(request, { body: this.#body, downstream: this.#answer, socket: this.#socket })
      if (code) this.#refuse(code, 'the head was not taken in')
    }
  }

  #answerForServer({ fields }: ParsedRequest): void {
    if (!parseAuthority(fields.host)) return this.#refuse('bad_host', 'the head was not taken in')
    this.#answer?.head({ status: 204, headers: [] })
    this.#answer?.end()
  }

  #handOver(request: ParsedRequest, behind: Buffer): void {
    const socket = this.#socket
    this.#isOver = true
    this.#answer = null
    this.#reading.release()
    socket.off('end', this.#onEnd).off('close', this.#onClose)
    socket.off('error', ignore).off('timeout', this.#onTimeout).off('drain', this.#onDrain)
    socket.setTimeout(0)
    this.outbox.flush()
    this.#host.onClosed(this)
    this.#host.onTunnel(request, socket, behind)
  }

  #afterBodyPiece(bytes: number): void {
    if (!this.#timer.goOnWithBody(bytes)) return this.#breakBody('request_timeout', 'the request took too long')
    if (this.#body?.isWanted) return
    this.#timer.pauseBody()
    this.#socket.pause()
  }

  readonly #onBodyWanted = (isDropped: boolean): void => {
    if (this.#owesContinue && !isDropped) this.outbox.add('HTTP/1.1 100 Continue\r\n\r\n')
    this.#owesContinue = false
    this.#timer.resumeBody()
    this.#socket.resume()
  }

  #breakBody(code: ErrorCode, detail: string): void {
    this.#isOver = true
    this.#body?.break(new GatewayError(code, detail))
  }

  #refuse(code: ErrorCode, detail: string): void {
    this.#isOver = true
    this.#lingers = true
    this.#request = null
    this.#answer ??= new ServerAnswer(this, null)
    this.#host.onRefused(code, detail, this.#answer)
  }

  #end(): void {
    this.#isOver = true
    this.outbox.flush()
    if (this.#lingers || !this.#backlog.isEmpty) endLingering(this.#socket, this.#host.clock)
    else this.#socket.destroySoon()
  }

  readonly #onTimeout = (): void => {
    if (this.#isInBody) {
      if (!this.#timer.goOnAfterSilence()) this.#breakBody('request_timeout', 'the request took too long')
    } else if (this.#reader.isInHead && !this.#isOver) this.#refuse('request_timeout', 'the head took too long')
    // An idle connection, or one whose client does not read the end of the last answer.
    else if (!this.#answer) this.#socket.destroy()
  }

  readonly #onDrain = (): void => {
    this.#answer?.onDrain?.()
  }

  readonly #onEnd = (): void => {
    // A client that closes its side while it is owed an answer has left; it is not told from one that has crashed.
    if (this.#answer || this.#reader.isInHead) this.#socket.destroy()
    else {
      this.outbox.flush()
      this.#socket.destroySoon()
    }
  }

  readonly #onClose = (): void => {
    this.#isOver = true
    this.#answer?.leave()
    this.#body?.break(new GatewayError('client_gone', 'the client closed its connection before the end of the request body'))
    this.#host.onClosed(this)
  }
}

function localAddressOf({ localAddress = '', localPort = 0 }: Socket): Address {
  // A zone means nothing outside this machine.
  return { host: unmapped(localAddress).replace(/%.*$/, ''), port: localPort }
}

// A broken connection is told by 'close' as well; without a listener the 'error' would end the process.
function ignore(): void {}
