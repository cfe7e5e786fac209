import type { Clock, Timer } from '../../clock.ts'
import type { Failure, HeaderList } from '../exchange.ts'
import { Attempt, type AttemptOwner, type AttemptRequest, type Ongoing } from './attempt.ts'
import type { Endpoint } from './endpoint.ts'

export interface HedgeOptions {
  /** The one that is asked first. */
  readonly endpoint: Endpoint
  /** After so long without an answer a second one is asked, ms. */
  readonly afterMs: number
  readonly clock: Clock
  readonly owner: AttemptOwner
  readonly requestNow: () => AttemptRequest
  /** The second one, paid for and counted; null: there is none, or no budget for it. */
  readonly another: () => Endpoint | null
  /** Whether an answer with that status may win while the other one is still awaited. */
  readonly isGood: (status: number) => boolean
  /** Learns of an attempt that has failed, or answered with a failure, while the other one goes on. */
  readonly onLost: (endpoint: Endpoint, failure: Failure | null, status: number) => void
}

/**
 * An attempt that gets company if it has no answer after a while: the first good answer wins, the loser is aborted. For the owner the two are
 * one, which stands where its lead stands. Source of the idea: Dean and Barroso, "The Tail at Scale".
 */
export class HedgedAttempt implements Ongoing {
  readonly #options: HedgeOptions
  #lead: Lane
  /** The second one, while both are under way. */
  #other: Lane | null = null
  #timer: Timer | null = null
  #isSettled = false

  constructor(options: HedgeOptions) {
    this.#options = options
    this.#lead = new Lane(options.endpoint, options, this)
  }

  get endpoint(): Endpoint {
    return this.#lead.attempt.endpoint
  }

  get isWaiting(): boolean {
    return this.#lead.attempt.isWaiting
  }

  get sent(): boolean {
    return this.#lead.attempt.sent
  }

  get sentAt(): number {
    return this.#lead.attempt.sentAt
  }

  start(): void {
    const { clock, afterMs } = this.#options
    this.#timer = clock.after(afterMs, () => this.#hedge())
    this.#lead.attempt.start()
  }

  abort(): void {
    this.#settle()
    this.#lead.attempt.abort()
    this.#other?.attempt.abort()
  }

  resume(): void {
    this.#lead.attempt.resume()
  }

  isLead(lane: Lane): boolean {
    return lane === this.#lead
  }

  onHead(lane: Lane, status: number, headers: HeaderList): void {
    const { isGood, onLost, owner } = this.#options
    if (this.#other && !isGood(status)) {
      lane.attempt.abort()
      onLost(lane.attempt.endpoint, null, status)
      return this.#leaveTo(lane)
    }
    this.#settle()
    if (this.#other) this.#win(lane)
    owner.onHead(status, headers)
  }

  onFailure(lane: Lane, failure: Failure): void {
    const { onLost, owner } = this.#options
    if (!this.#other) {
      this.#settle()
      return owner.onFailure(failure)
    }
    onLost(lane.attempt.endpoint, failure, 0)
    this.#leaveTo(lane)
  }

  #hedge(): void {
    if (this.#isSettled) return
    const endpoint = this.#options.another()
    if (!endpoint) return
    this.#other = new Lane(endpoint, this.#options, this)
    this.#other.attempt.start()
  }

  /** One of two has won: the other one was at least as slow as this. */
  #win(winner: Lane): void {
    const loser = (this.isLead(winner) ? this.#other : this.#lead)?.attempt
    this.#lead = winner
    this.#other = null
    if (!loser) return
    const now = this.#options.clock.thisTurn()
    if (loser.sent) loser.endpoint.latency.observe(now - loser.sentAt, now)
    loser.abort()
  }

  /** One of two is out: the one that is left stands for both. */
  #leaveTo(out: Lane): void {
    const left = this.isLead(out) ? this.#other : this.#lead
    this.#other = null
    if (!left) return
    this.#lead = left
    const { owner } = this.#options
    if (left.attempt.sent) owner.onSending()
    else if (!left.attempt.isWaiting) owner.onConnecting()
  }

  #settle(): void {
    this.#isSettled = true
    this.#timer?.cancel()
  }
}

/** One of the two. */
class Lane implements AttemptOwner {
  readonly attempt: Attempt
  readonly #owner: AttemptOwner
  readonly #race: HedgedAttempt

  constructor(endpoint: Endpoint, { owner, requestNow }: HedgeOptions, race: HedgedAttempt) {
    this.#owner = owner
    this.#race = race
    this.attempt = new Attempt(endpoint, requestNow(), this)
  }

  get isHolding(): boolean {
    return this.#owner.isHolding
  }

  onConnecting(): void {
    if (this.#race.isLead(this)) this.#owner.onConnecting()
  }

  onSending(): void {
    if (this.#race.isLead(this)) this.#owner.onSending()
  }

  onBodyProgress(complete: boolean): void {
    if (this.#race.isLead(this)) this.#owner.onBodyProgress(complete)
  }

  onInterim(status: number, headers: HeaderList): void {
    if (this.#race.isLead(this)) this.#owner.onInterim(status, headers)
  }

  onHead(status: number, headers: HeaderList): void {
    this.#race.onHead(this, status, headers)
  }

  onData(chunk: Buffer): boolean {
    return this.#owner.onData(chunk)
  }

  onEnd(): void {
    this.#owner.onEnd()
  }

  onFailure(failure: Failure): void {
    this.#race.onFailure(this, failure)
  }
}
