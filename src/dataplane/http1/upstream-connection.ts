import { connect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Address } from '../../address.ts'
import { messageOf } from '../../errors.ts'
import type { Failure, HeaderList } from '../exchange.ts'
import { hearOut } from './hear-out.ts'
import { Outbox } from './outbox.ts'
import { ReceiveBuffer } from './receive-buffer.ts'
import { goesChunked, requestHead } from './request-writer.ts'
import type { ParsedResponse } from './response-head.ts'
import { ResponseReader, type ResponseSink } from './response-reader.ts'
import { UpstreamBody, type BodyOwner } from './upstream-body.ts'
import type { Violation } from './violation.ts'

/** A request to be sent up. */
export interface UpstreamRequest {
  readonly method: string
  /** In origin form. */
  readonly target: string
  /** Without fields for one connection only; a Content-Length among them is the body's. */
  readonly headers: HeaderList
  readonly body: Readable | Buffer | null
}

/** Whose request is under way: told what becomes of it. After `onEnd` or `onFailure` nothing more comes. */
export interface RequestOwner {
  /** Whether the piece given to `onData` last may still be looked at. */
  readonly isHolding: boolean
  /** The request goes onto the connection: from here on the upstream may see it. */
  onSending(): void
  onBodyProgress(complete: boolean): void
  onInterim(status: number, headers: HeaderList): void
  onHead(status: number, headers: HeaderList): void
  /** False: no more until `resume`. */
  onData(chunk: Buffer): boolean
  onEnd(): void
  /** `isStale`: the connection had served before, and not a byte of an answer came back. */
  onFailure(failure: Failure, isStale: boolean): void
}

/** Who keeps connections. */
export interface ConnectionKeeper {
  readonly address: Address
  /** It may be used again. */
  onIdle(connection: UpstreamConnection): void
  onClosed(connection: UpstreamConnection): void
}

/** What an upstream's head may have at the most. */
const headLimits = { headBytes: 64 * 1024, headerCount: 256 }
/** Below the 5 s after which many servers (Node's among them) close an idle connection, so that none gets a request while it closes. */
const IDLE_MS = 4_000
/** So much earlier than a server that tells its own time (Keep-Alive: timeout=…). */
const IDLE_MARGIN_MS = 1_000

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
  #isReused = false
  #hasAnswerByte = false
  #isWhole = false
  #persists = true
  #hearsOut = false
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
    this.#socket.on('error', this.#onError).on('drain', this.#onDrain).on('timeout', this.#onTimeout)
    this.#socket.setTimeout(IDLE_MS)
  }

  get isUsable(): boolean {
    return this.#owner === null && this.#persists && this.#socket.writable
  }

  /** Sends a request as soon as the connection is there. */
  run(request: UpstreamRequest, owner: RequestOwner): void {
    this.#request = request
    this.#owner = owner
    if (this.#isConnected) this.#send(request, owner)
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
    this.#close()
  }

  onInterim({ status, fields }: ParsedResponse): void {
    this.#owner?.onInterim(status, fields.list)
  }

  onHead({ status, fields, persists }: ParsedResponse): void {
    this.#persists = persists
    if (fields.keepAliveSeconds >= 0) this.#believe(fields.keepAliveSeconds)
    this.#owner?.onHead(status, fields.list)
  }

  onBody(chunk: Buffer): void {
    const owner = this.#owner
    if (!owner) return
    if (!owner.onData(chunk)) this.#socket.pause()
    if (owner.isHolding) this.#buffer.keep()
  }

  onEnd(): void {
    this.#isWhole = true
  }

  onViolation({ detail }: Violation): void {
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
    const { method, target, headers, body } = request
    this.#hasAnswerByte = false
    this.#isWhole = false
    this.#reader.begin(method)
    owner.onSending()
    const head = requestHead({ method, target, headers, hasBody: body !== null })
    if (body === null) return this.#outbox.add(head)
    this.#hearOut()
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

  /** Only for who sends bodies: it costs a closure for each write. */
  #hearOut(): void {
    if (this.#hearsOut) return
    this.#hearsOut = true
    hearOut(this.#socket)
  }

  readonly #onRead = (length: number, bytes: Uint8Array): boolean => {
    this.#hasAnswerByte = true
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
    this.#isReused = true
    if (isReusable) {
      this.#socket.resume()
      this.#keeper.onIdle(this)
    } else this.#close()
    owner.onEnd()
  }

  #fail(failure: Failure): void {
    const owner = this.#owner
    const isStale = this.#isReused && !this.#hasAnswerByte
    this.#owner = null
    this.#close()
    owner?.onFailure(failure, isStale)
  }

  #close(): void {
    this.#persists = false
    this.#body?.leave()
    this.#body = null
    this.#socket.destroy()
    this.#keeper.onClosed(this)
  }

  #believe(keepAliveSeconds: number): void {
    const idleMs = Math.min(IDLE_MS, keepAliveSeconds * 1_000 - IDLE_MARGIN_MS)
    if (idleMs === this.#idleMs) return
    this.#idleMs = Math.max(idleMs, 0)
    this.#socket.setTimeout(this.#idleMs)
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
    const reason = this.#error ? messageOf(this.#error) : 'the connection was closed'
    this.#fail({ code: this.#isConnected ? 'upstream_reset' : 'upstream_connect_failed', detail: reason })
  }
}
