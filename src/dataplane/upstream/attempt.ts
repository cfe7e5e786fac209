import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { GatewayError, messageOf, systemCodeOf, type ErrorCode } from '../../errors.ts'
import type { Failure, HeaderList, RequestHead } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'

/** Who tries: it is told what becomes of an attempt. After `onEnd` or `onFailure` nothing more comes. */
export interface AttemptOwner {
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

/** Errors of undici by what they mean for an exchange. What is not here is a broken connection. */
const codesOfUndici: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_CONNECT_TIMEOUT: 'upstream_connect_failed',
  UND_ERR_HEADERS_OVERFLOW: 'upstream_protocol',
  ERR_INVALID_CHAR: 'upstream_protocol',
  ERR_HTTP_INVALID_STATUS_CODE: 'upstream_protocol',
  UND_ERR_INVALID_ARG: 'bad_request',
  UND_ERR_NOT_SUPPORTED: 'bad_request',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'client_gone',
}

/** One try of an exchange at one endpoint, over undici. It counts itself into the endpoint's load until it ends. */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly endpoint: Endpoint
  /** Whether the upstream may have seen the request. */
  sent = false
  readonly #owner: AttemptOwner
  #controller: Dispatcher.DispatchController | null = null
  #ended = false
  #headSeen = false

  constructor(endpoint: Endpoint, owner: AttemptOwner) {
    this.endpoint = endpoint
    this.#owner = owner
  }

  start(request: RequestHead, headers: HeaderList, body: Readable | Buffer | null): void {
    this.endpoint.inFlight++
    this.endpoint.dispatch({ method: request.method, path: request.path + request.query, headers, body }, this)
  }

  /** Ends it without a word to the owner. */
  abort(): void {
    if (this.#ended) return
    this.#end()
    this.#controller?.abort(new Error('aborted by the gateway'))
  }

  resume(): void {
    this.#controller?.resume()
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

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
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
    if (this.#ended) return
    this.#end()
    this.#owner.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#ended) return
    this.#end()
    this.#owner.onFailure(this.#failureOf(error))
  }

  #end(): void {
    this.#ended = true
    this.endpoint.inFlight--
  }

  #failureOf(error: Error): Failure {
    const known = systemCodeOf(error) ?? ''
    const detail = `${this.endpoint.key}: ${messageOf(error)}`
    // The request body's stream says itself what ended it.
    if (error instanceof GatewayError) return { code: error.code, detail }
    if (known.startsWith('HPE_')) return { code: 'upstream_protocol', detail }
    const code = codesOfUndici[known] ?? (this.sent ? 'upstream_reset' : 'upstream_connect_failed')
    return { code, detail: this.#headSeen ? `${detail} (after the head of the answer)` : detail }
  }
}

function flatHeaders(headers: Record<string, string | string[] | undefined>): HeaderList {
  const flat: HeaderList = []
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value === undefined) continue
    if (typeof value === 'string') flat.push(name, value)
    else for (const one of value) flat.push(name, one)
  }
  return flat
}
