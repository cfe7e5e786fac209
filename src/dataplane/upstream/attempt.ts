import type { Readable } from 'node:stream'
import type { Clock } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Failure, HeaderList, RequestHead } from '../exchange.ts'
import type { UpstreamConnection } from '../http1/upstream-connection.ts'
import type { RequestOwner, UpstreamRequest } from '../http1/upstream-request.ts'
import type { Endpoint, Waiter } from './endpoint.ts'
import { isIdempotent } from './replay.ts'

/** Who tries: it is told what becomes of an attempt. After `onEnd` or `onFailure` nothing more comes. */
export interface AttemptOwner extends Omit<RequestOwner, 'onFailure'> {
  /** It waits no longer for others: a connection is at hand or being opened. */
  onConnecting(): void
  onFailure(failure: Failure): void
}

export interface AttemptRequest {
  readonly head: RequestHead
  /** Its fields as the upstream gets them. */
  readonly headers: HeaderList
  readonly body: Readable | Buffer | null
  readonly clock: Clock
}

/** What runs for an exchange: an attempt, or two that race. */
export type Ongoing = Pick<Attempt, 'endpoint' | 'isWaiting' | 'sent' | 'sentAt' | 'start' | 'abort' | 'resume'>

/** One try of an exchange at one endpoint. It counts itself into the endpoint's load until it ends. */
export class Attempt implements RequestOwner, Waiter {
  readonly endpoint: Endpoint
  /** Whether it waits for others to end. */
  isWaiting = true
  /** Whether the upstream may have seen the request. */
  sent = false
  /** Monotonic ms of the last sending. */
  sentAt = 0
  readonly #clock: Clock
  readonly #owner: AttemptOwner
  readonly #request: UpstreamRequest
  #connection: UpstreamConnection | null = null
  #ended = false
  #headSeen = false

  constructor(endpoint: Endpoint, { head, headers, body, clock }: AttemptRequest, owner: AttemptOwner) {
    this.endpoint = endpoint
    this.#clock = clock
    this.#request = { method: head.method, target: head.path + head.query, headers, body }
    this.#owner = owner
  }

  start(): void {
    this.endpoint.inFlight++
    this.endpoint.acquire(this)
  }

  /** Ends it without a word to the owner. */
  abort(): void {
    if (this.#ended) return
    if (this.isWaiting) this.endpoint.giveUp(this)
    this.#connection?.leave(this)
    this.#end()
  }

  resume(): void {
    this.#connection?.resume()
  }

  onTurn(): void {
    this.isWaiting = false
    this.#dispatch(false)
  }

  onSending(): void {
    this.sent = true
    this.sentAt = this.#clock.thisTurn()
    this.#owner.onSending()
  }

  onBodyProgress(complete: boolean): void {
    if (!this.#ended) this.#owner.onBodyProgress(complete)
  }

  get isHolding(): boolean {
    return this.#owner.isHolding
  }

  onInterim(status: number, headers: HeaderList): void {
    if (!this.#ended) this.#owner.onInterim(status, headers)
  }

  onHead(status: number, headers: HeaderList): void {
    if (this.#ended) return
    this.#headSeen = true
    try {
      this.#owner.onHead(status, headers)
    } catch (error) {
      // A filter that fails on the answer says so by its code.
      const code = error instanceof GatewayError ? error.code : 'internal'
      this.#connection?.leave(this)
      this.#fail({ code, detail: messageOf(error) })
    }
  }

  onData(chunk: Buffer): boolean {
    return this.#ended || this.#owner.onData(chunk)
  }

  onEnd(): void {
    if (this.#ended) return
    this.#end()
    this.#owner.onEnd()
  }

  onFailure(failure: Failure, isStale: boolean): void {
    if (this.#ended) return
    // RFC 9112 §9.3.1: the upstream closed an idle connection while the request was on its way. That says nothing about the endpoint.
    if (isStale && this.#mayRepeat) return this.#dispatch(true)
    this.#fail(failure)
  }

  get #mayRepeat(): boolean {
    const { method, body } = this.#request
    return isIdempotent(method) && (body === null || Buffer.isBuffer(body))
  }

  #dispatch(fresh: boolean): void {
    this.#owner.onConnecting()
    this.#connection = this.endpoint.dispatch(this.#request, this, fresh)
  }

  #fail({ code, detail }: Failure): void {
    this.#end()
    const what = `${this.endpoint.key}: ${detail}`
    this.#owner.onFailure({ code, detail: this.#headSeen ? `${what} (after the head of the answer)` : what })
  }

  #end(): void {
    this.#ended = true
    this.endpoint.inFlight--
    if (!this.isWaiting) this.endpoint.release()
  }
}
