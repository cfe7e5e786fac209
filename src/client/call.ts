import { STATUS_CODES } from 'node:http'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Downstream, Failure, HeaderList, ResponseHead } from '../dataplane/exchange.ts'
import { GatewayError } from '../errors.ts'
import { headerObject } from './response-fields.ts'

/** A longer piece is handed on with the memory that it was read into, a shorter one as a copy: else it would keep many times its own size, bytes. */
const COPIED_BELOW_BYTES = 4_096

/** One request of the application: towards the instance the client of an exchange, towards undici the controller of its handler. */
export class Call implements Downstream, Dispatcher.DispatchController {
  started = false
  gone = false
  status = 0
  bytes = 0
  isHolding = false
  onDrain: (() => void) | null = null
  onGone: (() => void) | null = null
  /** Of the answer, name and value in turn. */
  rawHeaders: HeaderList | null = null
  rawTrailers: HeaderList | null = null
  readonly #handler: Dispatcher.DispatchHandler
  readonly #body: Readable | null
  #reason: Error | null = null
  #isPaused = false
  #isOver = false

  /** `body`: what is sent up, if it is a stream; what ends that ends the call. */
  constructor(handler: Dispatcher.DispatchHandler, body: Readable | null = null) {
    this.#handler = handler
    this.#body = body
    // It may break before anybody reads it, and it may be closed without a word.
    body
      ?.on('error', () => {})
      .once('close', () => {
        if (!body.readableEnded && !body.errored) this.abort(new Error('the body was closed before its end'))
      })
  }

  /** Tells the handler that its request begins; false: it wants it no more. */
  begin(): boolean {
    try {
      this.#handler.onRequestStart?.(this, {})
    } catch (error) {
      this.abort(error as Error)
    }
    return !this.gone
  }

  get aborted(): boolean {
    return this.gone
  }

  get reason(): Error | null {
    return this.#reason
  }

  get paused(): boolean {
    return this.#isPaused
  }

  abort(reason: Error): void {
    if (this.#isOver || this.gone) return
    this.gone = true
    this.#reason = reason
    if (this.onGone) this.onGone()
    else this.break(reason)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.onDrain?.()
  }

  interim({ status, headers }: ResponseHead): void {
    this.#tellHead(status, headers)
  }

  head({ status, headers }: ResponseHead): void {
    this.started = true
    this.status = status
    this.#tellHead(status, headers)
  }

  write(chunk: Uint8Array): boolean {
    this.bytes += chunk.length
    if (this.gone) return true
    this.isHolding = chunk.length >= COPIED_BELOW_BYTES
    try {
      this.#handler.onResponseData?.(this, this.isHolding ? (chunk as Buffer) : Buffer.from(chunk))
    } catch (error) {
      this.abort(error as Error)
    }
    return !this.#isPaused
  }

  end(): void {
    if (this.gone || this.#isOver) return
    this.#isOver = true
    try {
      this.#handler.onResponseEnd?.(this, {})
    } catch (error) {
      // It comes from inside the connection, which serves others too: undici tells the handler of it.
      this.#tellError(error as Error)
    }
  }

  /** An answer that breaks off is told by `fail`. */
  destroy(): void {}

  /** Ends it without a whole answer. */
  fail({ code, detail }: Failure): void {
    this.break(this.#reason ?? this.#body?.errored ?? new GatewayError(code, detail))
  }

  /** The same for a reason that is no failure of the service. */
  break(error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#body?.destroy()
    this.#tellError(error)
  }

  #tellError(error: Error): void {
    try {
      this.#handler.onResponseError?.(this, error)
    } catch (bug) {
      // Nobody is left to be told: it is the application's, as in undici, and not of whoever has called us here.
      queueMicrotask(() => {
        throw bug
      })
    }
  }

  #tellHead(status: number, headers: HeaderList): void {
    if (this.gone) return
    this.rawHeaders = headers
    try {
      this.#handler.onResponseStart?.(this, status, headerObject(headers), STATUS_CODES[status] ?? '')
    } catch (error) {
      // What a handler throws ends its call, as undici has it.
      this.abort(error as Error)
    }
  }
}
