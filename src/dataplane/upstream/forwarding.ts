import type { Readable } from 'node:stream'
import type { Timer } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Failure, HeaderList, ResponseHead } from '../exchange.ts'
import { withoutHopByHop } from '../http/hop-by-hop.ts'
import { Attempt, type AttemptOwner, type AttemptRequest, type Ongoing } from './attempt.ts'
import { totalBy, withDeadline } from './deadline-field.ts'
import type { Deadline } from './deadlines.ts'
import type { Endpoint } from './endpoint.ts'
import { isFaultyStatus } from './faults.ts'
import type { ForwardingOptions } from './forwarding-options.ts'
import { hedgedAttempt } from './hedging.ts'
import { HeldAnswer, isShort } from './held-answer.ts'
import { lateness } from './lateness.ts'
import { overloaded } from './overloaded.ts'
import { Patience } from './patience.ts'
import { isIdempotent, isReplayable, readWhole } from './replay.ts'
import { retryAfterAnswer, retryAfterFailure, type RetryingDeps, type Standing } from './retrying.ts'

/**
 * Takes one exchange to its upstream: picks an endpoint, tries, tries another one where that is safe, and streams both ways with
 * backpressure. Safe means: nothing has gone down to the client, and the upstream never saw the request or repeating it changes nothing
 * (RFC 9110 §9.2.2) and its body can be sent again.
 */
export class Forwarding implements AttemptOwner, Deadline {
  dueAt = Infinity
  place = -1
  readonly #options: ForwardingOptions
  readonly #patience: Patience
  readonly #tried: Endpoint[] = []
  #body: Readable | Buffer | null = null
  #attempt: Ongoing | null = null
  #held: HeldAnswer | null = null
  #isUploading = false
  #answering = false
  #isClientSlow = false
  #status = 0
  /** From the sending of the request to the head of the answer, ms. */
  #tookMs = 0
  #pause: Timer | null = null
  #done = false

  constructor(options: ForwardingOptions) {
    this.#options = options
    this.#patience = new Patience(options.policy.timeouts, totalBy(options.exchange, options.policy))
  }

  start(): void {
    const { exchange, deadlines } = this.#options
    const { body, downstream, request } = exchange
    if (downstream.gone) return this.#onGone()
    this.#options.upstream.budget.earn(this.#options.policy.retry.budgetRatio)
    downstream.onGone = this.#onGone
    downstream.onDrain = this.#onDrain
    deadlines.add(this)
    this.#body = body ? (body.whole ?? body.stream) : null
    if (!body || !this.#isStreamed || !isReplayable(request.method, body)) return this.#try()
    this.#onUpload()
    readWhole(body.stream, this.#onUpload).then(this.#onWholeBody, (error: unknown) =>
      this.#finish({ code: error instanceof GatewayError ? error.code : 'client_gone', detail: messageOf(error) }),
    )
  }

  onConnecting(): void {
    this.dueAt = this.#patience.connection(this.#now)
  }

  onSending(): void {
    this.#isUploading = this.#isStreamed
    // While a body streams up, the upstream owes no answer yet; it only must go on reading.
    if (this.#isUploading) this.#awaitByte()
    else this.#awaitAnswer()
  }

  onBodyProgress(complete: boolean): void {
    if (!this.#isUploading) return
    this.#isUploading = !complete
    if (complete && !this.#answering) this.#awaitAnswer()
    else this.#awaitByte()
  }

  get isHolding(): boolean {
    return this.#options.exchange.downstream.isHolding ?? true
  }

  onInterim(status: number, headers: HeaderList): void {
    // RFC 9110 §15.2: interim answers are passed on, but for the 100 that the gateway gives by itself.
    if (status !== 100) this.#options.exchange.downstream.interim?.({ status, headers: withoutHopByHop(headers) })
  }

  onHead(status: number, headers: HeaderList): void {
    const now = this.#now
    this.#tookMs = now - (this.#attempt?.sentAt ?? now)
    this.#attempt?.endpoint.latency.observe(this.#tookMs, now)
    if (isFaultyStatus(this.#options.policy.retry.on, status) && this.#retryAfterAnswer(status, headers)) return
    this.#status = status
    const { holdBytes } = this.#options.policy.retry
    if (holdBytes > 0 && this.#isRepeatable && isShort(headers, holdBytes)) {
      this.#held = new HeldAnswer(status, headers)
      return
    }
    this.#answering = true
    this.#awaitByte()
    this.#options.exchange.downstream.head(this.#outgoing({ status, headers }))
  }

  onData(chunk: Buffer): boolean {
    if (this.#held) {
      this.#held.add(chunk)
      return true
    }
    this.#awaitByte()
    const goOn = this.#options.exchange.downstream.write(chunk)
    if (!goOn) this.#isClientSlow = true
    return goOn
  }

  onEnd(): void {
    if (this.#attempt) this.#options.upstream.noteAnswer(this.#attempt.endpoint, { status: this.#status, tookMs: this.#tookMs })
    const { downstream } = this.#options.exchange
    this.#held?.release(downstream, this.#outgoing)
    downstream.end()
    this.#finish(null)
  }

  onFailure(failure: Failure): void {
    this.#held = null
    this.#options.exchange.trace?.note(failure.code)
    if (this.#attempt) this.#options.upstream.noteFailure(this.#attempt.endpoint, failure)
    const standing = this.#standing
    const { policy } = this.#options
    const delayMs = standing && retryAfterFailure(failure.code, standing, policy.retry, this.#retrying)
    if (delayMs === null) this.#finish(failure)
    else this.#tryAgainIn(delayMs)
  }

  onDue(): void {
    const attempt = this.#attempt
    const body = Buffer.isBuffer(this.#body) ? null : this.#body
    // The body is paused while the upstream does not read; if it is not, there was nothing to send.
    const isClientSilent = this.#isUploading && body?.isPaused() === false
    attempt?.abort()
    this.onFailure(
      lateness({
        attempt,
        timeouts: this.#options.policy.timeouts,
        answering: this.#answering,
        isClientSlow: this.#isClientSlow,
        isClientSilent,
        isOver: this.#patience.isOver(this.#now),
      }),
    )
  }

  readonly #onUpload = (): void => this.#awaitByte()

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
    this.#isClientSlow = false
    this.#awaitByte()
    this.#attempt?.resume()
  }

  #try(): void {
    const { exchange, upstream, picker } = this.#options
    const now = this.#now
    if (this.#patience.isOver(now)) return this.#finish({ code: 'deadline_exceeded', detail: 'no time was left for an attempt' })
    const endpoint = picker.pick(exchange, this.#tried)
    if (!endpoint) return this.#finish(picker.whyNone())
    this.#tried.push(endpoint)
    exchange.trace?.tries(endpoint.key)
    upstream.stats.attempts++
    this.#attempt = this.#attemptAt(endpoint)
    if (endpoint.isFull) return this.onFailure(overloaded(`${endpoint.key}: ${endpoint.inFlight} under way`))
    this.dueAt = this.#patience.turn(now)
    this.#attempt.start()
  }

  #attemptAt(endpoint: Endpoint): Ongoing {
    const { hedge } = this.#options.policy
    if (!hedge || this.#body !== null || !this.#isRepeatable) return new Attempt(endpoint, this.#requestNow(), this)
    return hedgedAttempt(endpoint, { ...this.#options, hedge, owner: this, requestNow: this.#requestNow, tried: this.#tried })
  }

  readonly #requestNow = (): AttemptRequest => {
    const { exchange, headers, policy, clock } = this.#options
    const { deadline } = policy
    const told = deadline ? withDeadline(headers, deadline, this.#patience.attemptMs(this.#now)) : headers
    return { head: exchange.request, headers: told, body: this.#body, clock }
  }

  readonly #outgoing = (head: ResponseHead): ResponseHead => this.#options.outgoing(head, this.#attempt?.endpoint ?? null)

  /** Whether the answer is put aside for another attempt. */
  #retryAfterAnswer(status: number, headers: HeaderList): boolean {
    const { upstream, picker, policy } = this.#options
    const standing = this.#standing
    // An answer in hand is better than none.
    if (!standing || !this.#attempt || picker.eligible.length === 0) return false
    const delayMs = retryAfterAnswer(headers, standing, policy.retry, this.#retrying)
    if (delayMs === null) return false
    this.#options.exchange.trace?.note(String(status))
    upstream.noteAnswer(this.#attempt.endpoint, { status, tookMs: this.#tookMs })
    this.#attempt.abort()
    this.#tryAgainIn(delayMs)
    return true
  }

  /** Null: there is nothing to try again, or it is too late. */
  get #standing(): Standing | null {
    if (this.#done || this.#answering || this.#attempt === null || this.#patience.isOver(this.#now)) return null
    const attempts = this.#tried.length
    return { attempts, sent: this.#attempt.sent, isRepeatable: this.#isRepeatable, answerBy: this.#patience.answerBy }
  }

  get #isRepeatable(): boolean {
    return isIdempotent(this.#options.exchange.request.method) && !this.#isStreamed
  }

  get #retrying(): RetryingDeps {
    const { clock, random, upstream } = this.#options
    return { clock, random, budget: upstream.budget }
  }

  #tryAgainIn(delayMs: number): void {
    const { upstream, clock } = this.#options
    upstream.stats.retries++
    if (delayMs === 0) return this.#try()
    this.dueAt = Infinity
    this.#pause = clock.after(delayMs, () => this.#try())
  }

  get #isStreamed(): boolean {
    return this.#body !== null && !Buffer.isBuffer(this.#body)
  }

  get #now(): number {
    return this.#options.clock.thisTurn()
  }

  #awaitByte(): void {
    this.dueAt = this.#patience.byte(this.#now)
  }

  #awaitAnswer(): void {
    this.dueAt = this.#patience.answer(this.#now)
  }

  #finish(failure: Failure | null): void {
    if (this.#done) return
    this.#done = true
    const { exchange, deadlines, onDone } = this.#options
    deadlines.remove(this)
    this.#pause?.cancel()
    exchange.downstream.onGone = null
    exchange.downstream.onDrain = null
    // What has not been read of it will not be.
    if (exchange.body && !exchange.body.whole) exchange.body.stream.destroy()
    onDone({ attempts: this.#tried.length, endpoint: this.#attempt?.endpoint ?? null, failure, status: this.#status })
  }
}
