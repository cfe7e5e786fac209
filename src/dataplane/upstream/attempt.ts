import type { Readable } from 'node:stream'
import { errors, type Dispatcher } from 'undici'
import { GatewayError, messageOf, systemCodeOf, type ErrorCode } from '../../errors.ts'
import type { Failure, HeaderList, RequestHead } from '../exchange.ts'
import type { Endpoint, Waiter } from './endpoint.ts'

/** Who tries: it is told what becomes of an attempt. After `onEnd` or `onFailure` nothing more comes. */
export interface AttemptOwner {
  /** It waits no longer for others: a connection is at hand or being opened. */
  onConnecting(): void
  /** The request goes onto a connection: from here on the upstream may see it. */
  onSending(): void
  /** A piece of a streamed body went out, or all of the request did. */
  onBodyProgress(complete: boolean): void
  onHead(status: number, headers: HeaderList): void
  /** False: no more until `resume`. */
  onData(chunk: Buffer): boolean
  onEnd(): void
  onFailure(failure: Failure): void
}

export interface AttemptRequest {
  readonly head: RequestHead
  /** Its fields as the upstream gets them. */
  readonly headers: HeaderList
  readonly body: Readable | Buffer | null
}

type ParsedHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Errors of undici by what they mean for an exchange. What is not here is a broken connection. */
const codesOfUndici: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_CONNECT_TIMEOUT: 'upstream_connect_failed',
  UND_ERR_HEADERS_OVERFLOW: 'upstream_protocol',
  ERR_INVALID_CHAR: 'upstream_protocol',
  ERR_INVALID_HTTP_TOKEN: 'upstream_protocol',
  ERR_HTTP_INVALID_STATUS_CODE: 'upstream_protocol',
  UND_ERR_INVALID_ARG: 'bad_request',
  UND_ERR_NOT_SUPPORTED: 'bad_request',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'client_gone',
}

/** One try of an exchange at one endpoint, over undici. It counts itself into the endpoint's load until it ends. */
export class Attempt implements Dispatcher.DispatchHandler, Waiter {
  readonly endpoint: Endpoint
  /** Whether it waits for others to end. */
  isWaiting = true
  /** Whether the upstream may have seen the request. */
  sent = false
  readonly #owner: AttemptOwner
  readonly #request: AttemptRequest
  #controller: Dispatcher.DispatchController | null = null
  #hasTurn = false
  #ended = false
  #headSeen = false

  constructor(endpoint: Endpoint, request: AttemptRequest, owner: AttemptOwner) {
    this.endpoint = endpoint
    this.#request = request
    this.#owner = owner
  }

  start(): void {
    this.endpoint.inFlight++
    this.endpoint.acquire(this)
  }

  /** Ends it without a word to the owner. */
  abort(): void {
    if (this.#ended) return
    this.#end()
    if (this.isWaiting) this.endpoint.giveUp(this)
    else this.#controller?.abort(new Error('aborted by the gateway'))
  }

  resume(): void {
    this.#controller?.resume()
  }

  onTurn(): void {
    this.isWaiting = false
    this.#hasTurn = true
    this.#owner.onConnecting()
    const { head, headers, body } = this.#request
    this.endpoint.dispatch({ method: head.method, path: head.path + head.query, headers, body }, this)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#ended) return controller.abort(new Error('aborted by the gateway'))
    this.sent = true
    this.#owner.onSending()
  }

  onBodySent(): void {
    if (!this.#ended) this.#owner.onBodyProgress(false)
  }

  onRequestSent(): void {
    if (!this.#ended) this.#owner.onBodyProgress(true)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ParsedHeaders): void {
    // RFC 9110 §15.2: an interim answer is not the answer.
    if (this.#ended || status < 200) return
    this.#headSeen = true
    this.#owner.onHead(status, flatHeaders(headers))
    if (this.#ended) controller.abort(new Error('aborted by the gateway'))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended) return
    if (!this.#owner.onData(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    this.#releaseTurn()
    if (this.#ended) return
    this.#end()
    this.#owner.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#releaseTurn()
    if (this.#ended) return
    this.#end()
    this.#owner.onFailure(this.#failureOf(error))
  }

  #end(): void {
    this.#ended = true
    this.endpoint.inFlight--
  }

  /** The turn is held until undici has done with the request, also if the owner has lost interest before. */
  #releaseTurn(): void {
    if (!this.#hasTurn) return
    this.#hasTurn = false
    this.endpoint.release()
  }

  #failureOf(error: Error): Failure {
    const known = systemCodeOf(error) ?? ''
    const detail = `${this.endpoint.key}: ${messageOf(error)}`
    // The request body's stream says itself what ended it, and so does a filter.
    if (error instanceof GatewayError) return { code: error.code, detail }
    if (error instanceof errors.HTTPParserError) return { code: 'upstream_protocol', detail }
    const code = codesOfUndici[known] ?? (this.sent ? 'upstream_reset' : 'upstream_connect_failed')
    return { code, detail: this.#headSeen ? `${detail} (after the head of the answer)` : detail }
  }
}

// Names are in lower case by now; to read them from the raw head again would cost more than all balancing.
function flatHeaders(headers: ParsedHeaders): HeaderList {
  const flat: HeaderList = []
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (typeof value === 'string') flat.push(name, value)
    else if (value !== undefined) for (const one of value) flat.push(name, one)
  }
  return flat
}
