import type { Readable } from 'node:stream'
import type { Clock } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { Exchange, Failure, HeaderList, ResponseHead } from '../exchange.ts'
import { noMember } from './no-member.ts'
import { Attempt, type AttemptOwner } from './attempt.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { Endpoint } from './endpoint.ts'
import type { AttemptPolicy } from './policy.ts'
import { isIdempotent, isReplayable, readWhole } from './replay.ts'
import type { Upstream } from './upstream.ts'

/** How an exchange went at its upstream. */
export interface Outcome {
  readonly attempts: number
  /** The endpoint of the last attempt. */
  readonly endpoint: Endpoint | null
  /** Null: the whole answer went down. */
  readonly failure: Failure | null
}

export interface ForwardingOptions {
  readonly exchange: Exchange
  readonly upstream: Upstream
  readonly policy: AttemptPolicy
  /** The request's fields as the upstream gets them. */
  readonly headers: HeaderList
  readonly deadlines: Deadlines
  readonly clock: Clock
  /** Turns the upstream's head into the client's. */
  readonly outgoing: (head: ResponseHead) => ResponseHead
  /** Called once. If the outcome is a failure and the answer has not begun, the caller still has to reply. */
  readonly onDone: (outcome: Outcome) => void
}

/**
 * Takes one exchange to its upstream: picks an endpoint, tries, tries another one where that is safe, and streams both ways with
 * backpressure. Safe means: nothing has gone down to the client, and the upstream never saw the request or repeating it changes nothing
 * (RFC 9110 §9.2.2) and its body can be sent again.
 */
export class Forwarding implements AttemptOwner, Deadline {
  dueAt = Infinity
  readonly #options: ForwardingOptions
  readonly #tried: Endpoint[] = []
  #body: Readable | Buffer | null
  #attempt: Attempt | null = null
  #answering = false
  #answerBy = Infinity
  #done = false

  constructor(options: ForwardingOptions) {
    this.#options = options
    this.#body = options.exchange.body?.stream ?? null
  }

  start(): void {
    const { exchange, deadlines } = this.#options
    const { body, downstream, request } = exchange
    if (downstream.gone) return this.#onGone()
    downstream.onGone = this.#onGone
    downstream.onDrain = this.#onDrain
    deadlines.add(this)
    if (!body || !isReplayable(request.method, body)) return this.#try()
    this.#await(this.#options.policy.timeouts.responseMs)
    readWhole(body.stream).then(this.#onWholeBody, (error: unknown) =>
      this.#finish({ code: 'client_gone', detail: messageOf(error) }),
    )
  }

  onSending(): void {
    // While a body streams up, the upstream owes no answer yet; it only must go on reading.
    if (this.#isStreaming) return this.#await(this.#options.policy.timeouts.idleMs)
    this.#awaitAnswer()
  }

  onBodyProgress(complete: boolean): void {
    if (this.#answering || !this.#isStreaming) return
    if (complete) return this.#awaitAnswer()
    this.#await(this.#options.policy.timeouts.idleMs)
  }

  onHead(status: number, headers: HeaderList): void {
    this.#answering = true
    this.#await(this.#options.policy.timeouts.idleMs)
    this.#options.exchange.downstream.head(this.#options.outgoing({ status, headers }))
  }

  onData(chunk: Buffer): boolean {
    this.#await(this.#options.policy.timeouts.idleMs)
    return this.#options.exchange.downstream.write(chunk)
  }

  onEnd(): void {
    this.#options.exchange.downstream.end()
    this.#finish(null)
  }

  onFailure(failure: Failure): void {
    const { upstream } = this.#options
    if (this.#attempt) upstream.noteFailure(this.#attempt.endpoint, failure)
    if (!this.#mayRetry(failure)) return this.#finish(failure)
    upstream.stats.retries++
    this.#try()
  }

  onDue(): void {
    const attempt = this.#attempt
    const { connectMs, responseMs, idleMs } = this.#options.policy.timeouts
    if (!attempt)
      return this.#finish({ code: 'request_timeout', detail: `the request body did not arrive within ${responseMs} ms` })
    attempt.abort()
    const { key } = attempt.endpoint
    if (!attempt.sent)
      return this.onFailure({ code: 'upstream_connect_failed', detail: `${key}: no connection within ${connectMs} ms` })
    const detail = this.#answering
      ? `${key}: no byte for ${idleMs} ms`
      : `${key}: no answer in time (response ${responseMs} ms, idle ${idleMs} ms)`
    const failure: Failure = { code: 'upstream_timeout', detail }
    this.#options.upstream.noteFailure(attempt.endpoint, failure)
    this.#finish(failure)
  }

  readonly #onWholeBody = (body: Buffer): void => {
    if (this.#done) return
    this.#body = body
    this.#try()
  }

  readonly #onGone = (): void => {
    if (this.#done) return
    this.#attempt?.abort()
    this.#finish({ code: 'client_gone', detail: 'the client closed its connection' })
  }

  readonly #onDrain = (): void => {
    if (this.#done) return
    this.#await(this.#options.policy.timeouts.idleMs)
    this.#attempt?.resume()
  }

  #try(): void {
    const { exchange, upstream, policy, headers } = this.#options
    const endpoint = upstream.pick(exchange.request, this.#tried)
    if (!endpoint) return this.#finish(noMember(upstream))
    if (endpoint.isFull)
      return this.#finish({ code: 'upstream_overloaded', detail: `${endpoint.key}: ${endpoint.inFlight} requests wait` })
    this.#tried.push(endpoint)
    upstream.stats.attempts++
    this.#attempt = new Attempt(endpoint, this)
    this.#await(policy.timeouts.connectMs)
    if (this.dueAt > this.#answerBy) this.dueAt = this.#answerBy
    this.#attempt.start(exchange.request, headers, this.#body)
  }

  #mayRetry({ code }: Failure): boolean {
    const { exchange, policy } = this.#options
    if (this.#done || exchange.downstream.started || this.#answering || this.#tried.length >= policy.retry.attempts) return false
    if (code === 'client_gone' || code === 'bad_request') return false
    if (this.#attempt?.sent === false) return true
    return isIdempotent(exchange.request.method) && !this.#isStreaming
  }

  get #isStreaming(): boolean {
    return this.#body !== null && !Buffer.isBuffer(this.#body)
  }

  #await(ms: number): void {
    this.dueAt = this.#options.clock.monotonic() + ms
  }

  /** The time for the answer runs from the first sending, over all attempts. */
  #awaitAnswer(): void {
    if (this.#answerBy === Infinity) this.#answerBy = this.#options.clock.monotonic() + this.#options.policy.timeouts.responseMs
    this.dueAt = this.#answerBy
  }

  #finish(failure: Failure | null): void {
    if (this.#done) return
    this.#done = true
    const { exchange, deadlines, onDone } = this.#options
    deadlines.remove(this)
    exchange.downstream.onGone = null
    exchange.downstream.onDrain = null
    onDone({ attempts: this.#tried.length, endpoint: this.#attempt?.endpoint ?? null, failure })
  }
}
