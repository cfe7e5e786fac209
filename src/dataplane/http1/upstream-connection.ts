import { connect, type Socket } from 'node:net'
import type { Address } from '../../address.ts'
import { messageOf } from '../../errors.ts'
import type { Failure } from '../exchange.ts'
import { hearOut } from './hear-out.ts'
import { IDLE_MS, idleMs } from './idle-time.ts'
import { Outbox } from '../../http1/outbox.ts'
import { Pipeline, type PipelineWatcher } from './pipeline.ts'
import { ReceiveBuffer } from './receive-buffer.ts'
import { goesChunked, requestHead } from './request-writer.ts'
import type { ParsedResponse } from './response-head.ts'
import { ResponseReader, type ResponseSink } from './response-reader.ts'
import { UpstreamBody, type BodyOwner } from './upstream-body.ts'
import { nobody, type RequestOwner, type UpstreamRequest } from './upstream-request.ts'
import type { Violation } from '../../http1/violation.ts'

/** Who keeps connections. */
export interface ConnectionKeeper extends PipelineWatcher {
  readonly address: Address
  /** It may be used again. */
  onIdle(connection: UpstreamConnection): void
  onClosed(connection: UpstreamConnection): void
}

/** What an upstream's head may have at the most. */
const headLimits = { headBytes: 64 * 1024, headerCount: 256 }

/** A connection to an endpoint: carries one request after the other. A connection that was ever in doubt is closed. */
export class UpstreamConnection implements ResponseSink, BodyOwner {
  readonly #keeper: ConnectionKeeper
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #buffer = new ReceiveBuffer()
  readonly #reader: ResponseReader
  #request: UpstreamRequest | null = null
  #owner: RequestOwner | null = null
  #body: UpstreamBody | null = null
  #isConnected = false
  #hasServed = false
  /** Whether it stood idle before the request, and may have died meanwhile. */
  #wasIdle = false
  /** What stands behind the request. */
  #pipeline: Pipeline | null = null
  /** Whether others may go out with the request. */
  #gathers = false
  /** Writes before the request. */
  #writesBefore = 0
  #isWhole = false
  #persists = true
  #idleMs = IDLE_MS
  #error: Error | null = null

  constructor(keeper: ConnectionKeeper) {
    this.#keeper = keeper
    this.#reader = new ResponseReader(headLimits, this)
    const { host, port } = keeper.address
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      // Node then reads into this memory again and again, and makes no stream of it.
      onread: { buffer: this.#buffer.next, callback: this.#onRead },
    })
    this.#outbox = new Outbox(this.#socket)
    this.#socket.on('connect', this.#onConnect).on('end', this.#onEof).on('close', this.#onClose)
    this.#socket.on('error', this.#onError).on('drain', this.#onDrain).setTimeout(IDLE_MS, this.#onTimeout)
  }

  get isUsable(): boolean {
    return this.#owner === null && this.#persists && this.#socket.writable
  }

  /** Whether the request still waits for the end of this turn. */
  get #isUnsent(): boolean {
    return this.#outbox.writes === this.#writesBefore
  }

  /** Sends a request as soon as the connection is there. `gathers`: others may go out with it, if the connection has been of use before. */
  run(request: UpstreamRequest, owner: RequestOwner, gathers: boolean): void {
    this.#request = request
    this.#owner = owner
    // RFC 9112 §9.3.2: not before it is known that the connection is kept.
    this.#gathers = gathers && this.#hasServed
    this.#wasIdle = this.#isConnected
    this.#pipeline?.rest()
    if (this.#isConnected) this.#send(request, owner)
  }

  /** Whether the requests on it, fewer than `depth`, wait for the end of this turn, so that one more goes out with them. */
  takesMore(depth: number): boolean {
    return this.#gathers && this.#isUnsent && (this.#pipeline?.length ?? 0) + 1 < depth && this.#socket.writable
  }

  /** Sends one more request, behind the others. */
  join(request: UpstreamRequest, owner: RequestOwner): void {
    this.#pipeline ??= new Pipeline(this.#keeper, () => this.#moveRest('the answer in front took too long'))
    this.#pipeline.add({ request, owner })
    owner.onSending()
    this.#outbox.add(requestHead(request))
  }

  /** Lets go of a request: nobody wants its answer. The connection is closed, unless others wait for theirs. */
  leave(owner: RequestOwner): void {
    if (owner === this.#owner) this.#owner = nobody
    else this.#pipeline?.leave(owner)
    if (this.#owner !== nobody) return
    // Whoever has left may have been slow.
    if (this.#pipeline?.isWanted) this.#socket.resume()
    else this.destroy()
  }

  /** Goes on with an answer that its owner did not take fast enough. */
  resume(): void {
    this.#socket.resume()
  }

  /** Closes it at once; the owner of a request on it gets to know. */
  cut(): void {
    this.#fail({ code: 'upstream_reset', detail: 'the gateway closed the connection' })
  }

  /** Closes it at once, without a word to the owner of a request. */
  destroy(): void {
    this.#owner = null
    this.#pipeline?.clear()
    this.#close()
  }

  onInterim({ status, fields }: ParsedResponse): void {
    this.#owner?.onInterim(status, fields.list)
  }

  onHead({ status, fields, persists, isHttp10 }: ParsedResponse): void {
    this.#persists = persists
    this.#pipeline?.onHead(isHttp10)
    if (this.#reader.isUntilClose) this.#moveRest('the answer in front ends with the connection')
    if (fields.keepAliveSeconds >= 0) this.#believe(fields.keepAliveSeconds)
    this.#owner?.onHead(status, fields.list)
  }

  onBody(chunk: Buffer): void {
    const owner = this.#owner
    if (!owner) return
    if (!owner.onData(chunk)) this.#socket.pause()
    if (owner.isHolding) this.#buffer.keep()
    if (owner === nobody && this.#pipeline?.isTooLongToDrop(chunk.length)) this.#moveRest('nobody wants the long answer in front')
  }

  onEnd(): void {
    if (this.#persists && this.#pipeline && this.#pipeline.length > 0) this.#advance(this.#pipeline)
    else this.#isWhole = true
  }

  onViolation({ detail }: Violation): void {
    if (this.#persists) this.#pipeline?.onFault(detail)
    this.#persists = false
    // What comes behind a whole answer costs the connection, not the answer.
    if (!this.#isWhole) this.#fail({ code: 'upstream_protocol', detail })
    else if (!this.#owner) this.#close()
  }

  onBodyProgress(complete: boolean): void {
    if (complete) this.#body = null
    this.#owner?.onBodyProgress(complete)
  }

  onBodyBroken(failure: Failure): void {
    this.#fail(failure)
  }

  #send(request: UpstreamRequest, owner: RequestOwner): void {
    const { method, headers, body } = request
    this.#isWhole = false
    this.#writesBefore = this.#outbox.writes
    this.#reader.begin(method)
    owner.onSending()
    const head = requestHead(request)
    if (body === null) return this.#outbox.add(head)
    hearOut(this.#socket)
    const isChunked = goesChunked(headers)
    if (!Buffer.isBuffer(body)) {
      this.#outbox.add(head)
      this.#body = new UpstreamBody(body, { outbox: this.#outbox, isChunked, owner: this })
      return
    }
    if (isChunked) this.#outbox.write(body, `${head}${body.length.toString(16)}\r\n`, '\r\n0\r\n\r\n')
    else this.#outbox.write(body, head, '')
    this.#outbox.flush()
  }

  readonly #onRead = (length: number, bytes: Uint8Array): boolean => {
    // What comes before the request has gone out is no answer to it: a server that closes for want of requests may say so.
    if (this.#owner && this.#isUnsent) {
      this.#fail({ code: 'upstream_protocol', detail: 'the upstream spoke before it was asked' })
      return true
    }
    try {
      this.#reader.read(bytes as Buffer, length)
    } catch (error) {
      this.#fail({ code: 'internal', detail: messageOf(error) })
    }
    this.#buffer.used(length)
    // Only now: whatever was read behind the end of the answer has been seen.
    if (this.#isWhole && this.#owner) this.#finish(this.#owner)
    return true
  }

  #finish(owner: RequestOwner): void {
    // What is left of the body would stand in front of the next request.
    const isReusable = this.#persists && this.#body === null && this.#idleMs > 0 && this.#socket.writable
    this.#body?.leave()
    this.#body = null
    this.#owner = null
    this.#request = null
    this.#hasServed = true
    if (isReusable) {
      this.#socket.resume()
      this.#keeper.onIdle(this)
    } else this.#close()
    owner.onEnd()
    if (!isReusable) this.#pipeline?.onCut('the upstream closed the connection behind the answer in front')
  }

  /** The answer in front is whole, others follow. */
  #advance(pipeline: Pipeline): void {
    const [owner, next] = [this.#owner, pipeline.next()]
    if (!next) return
    this.#request = next.request
    this.#owner = next.owner
    this.#reader.begin(next.request.method)
    this.#socket.resume()
    owner?.onEnd()
    if (this.#owner === nobody && !pipeline.isWanted) this.destroy()
  }

  /** Has those behind go elsewhere; the connection ends with the answer that is under way. */
  #moveRest(detail: string): void {
    this.#persists = false
    if (this.#owner === nobody) {
      this.#owner = null
      this.#close()
    }
    this.#pipeline?.move(detail)
  }

  #fail(failure: Failure): void {
    const owner = this.#owner
    const isStale = this.#wasIdle && !this.#reader.hasBegun
    this.#owner = null
    this.#close()
    owner?.onFailure(failure, isStale)
    this.#pipeline?.onCut(failure.detail)
  }

  #close(): void {
    this.#persists = false
    this.#body?.leave()
    this.#body = null
    this.#socket.destroy()
    this.#keeper.onClosed(this)
  }

  #believe(keepAliveSeconds: number): void {
    const ms = idleMs(keepAliveSeconds)
    if (ms === this.#idleMs) return
    this.#idleMs = ms
    this.#socket.setTimeout(ms)
  }

  readonly #onConnect = (): void => {
    this.#isConnected = true
    if (this.#request && this.#owner) this.#send(this.#request, this.#owner)
  }

  readonly #onDrain = (): void => {
    this.#body?.resume()
  }

  readonly #onTimeout = (): void => {
    if (!this.#owner && this.#isConnected) this.#close()
  }

  readonly #onError = (error: Error): void => {
    this.#error = error
  }

  readonly #onEof = (): void => {
    if (!this.#owner) return this.#close()
    this.#persists = false
    if (this.#reader.end()) this.#finish(this.#owner)
    else this.#fail({ code: 'upstream_reset', detail: 'the upstream closed the connection before the end of its answer' })
  }

  readonly #onClose = (): void => {
    if (!this.#owner) return this.#keeper.onClosed(this)
    const reason = this.#error ? messageOf(this.#error) : 'the connection was closed'
    this.#fail({ code: this.#isConnected ? 'upstream_reset' : 'upstream_connect_failed', detail: reason })
  }
}
