import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'

/** How long a client may take. */
export interface ReceiveLimits {
  /** To the first octet on a new connection, ms. */
  readonly firstByteTimeoutMs: number
  /** From there to the end of the head, ms. */
  readonly headTimeoutMs: number
  /** To the end of the body, ms; 0: no limit. */
  readonly requestTimeoutMs: number
  /** At which a body has to come at the least, on average over a minute; 0: no limit. */
  readonly bodyBytesPerSecond: number
  /** A kept-alive connection without a request, ms. */
  readonly keepAliveMs: number
}

/** How far a body may fall behind its rate, ms: as much as an upload may pause without being slow. */
const BODY_CREDIT_MS = 60_000

/**
 * Limits how long a client takes for a request. It moves the socket's own timeout, of which Node keeps all that are equally long in one
 * list, so that a request that comes in one piece costs no timer at all.
 */
export class ReceiveTimer {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #limits: ReceiveLimits
  #armedMs = 0
  /** Of the request that is coming; -1: none is. */
  #since = -1
  /** Up to when its body has been reckoned with; -1: nothing is due from the client. */
  #bodyDueSince = -1
  #bodyCreditMs = BODY_CREDIT_MS

  /** Runs for the first octet from now. */
  constructor(socket: Socket, clock: Clock, limits: ReceiveLimits) {
    this.#socket = socket
    this.#clock = clock
    this.#limits = limits
    this.#arm(limits.firstByteTimeoutMs)
  }

  /** A piece of a head has come. False: the time for it is over. */
  goOnWithHead(): boolean {
    return this.#arm(this.#leftMs(this.#limits.headTimeoutMs))
  }

  /** So many octets of a body have come, and more are to. False: the time for the request is over, or they come too slowly. */
  goOnWithBody(bytes: number): boolean {
    const { requestTimeoutMs, bodyBytesPerSecond } = this.#limits
    const leftMs = requestTimeoutMs === 0 ? Infinity : this.#leftMs(requestTimeoutMs)
    const creditMs = bodyBytesPerSecond === 0 ? Infinity : this.#credit((bytes * 1_000) / bodyBytesPerSecond)
    const ms = Math.min(leftMs, creditMs)
    return ms === Infinity || this.#arm(ms)
  }

  /** The socket was silent for the time it had. False: the time for the body is over. */
  goOnAfterSilence(): boolean {
    this.#armedMs = 0
    return this.goOnWithBody(0)
  }

  /** The client is not read from: what does not come is not its fault. */
  pauseBody(): void {
    this.#bodyDueSince = -1
  }

  /** The client is read from again. */
  resumeBody(): void {
    if (this.#limits.bodyBytesPerSecond > 0) this.#bodyDueSince = this.#clock.thisTurn()
  }

  /** Nothing is due from the client but, some time, the next request. */
  rest(): void {
    this.#since = -1
    this.#bodyDueSince = -1
    this.#bodyCreditMs = BODY_CREDIT_MS
    this.#arm(this.#limits.keepAliveMs)
  }

  #leftMs(limitMs: number): number {
    const now = this.#clock.thisTurn()
    if (this.#since === -1) this.#since = now
    return limitMs - (now - this.#since)
  }

  #credit(earnedMs: number): number {
    if (this.#bodyDueSince !== -1) {
      const now = this.#clock.thisTurn()
      this.#bodyCreditMs -= now - this.#bodyDueSince
      this.#bodyDueSince = now
    }
    if (this.#bodyCreditMs > 0) this.#bodyCreditMs = Math.min(this.#bodyCreditMs + earnedMs, BODY_CREDIT_MS)
    return this.#bodyCreditMs
  }

  /** False: that is no time at all. */
  #arm(leftMs: number): boolean {
    const ms = Math.ceil(leftMs)
    if (ms <= 0 || ms === this.#armedMs) return ms > 0
    this.#armedMs = ms
    this.#socket.setTimeout(ms)
    return true
  }
}
