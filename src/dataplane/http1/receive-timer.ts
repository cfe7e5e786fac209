import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { ListenerLimits } from '../limits.ts'

/**
 * Limits how long a client takes for a request. It moves the socket's own timeout, of which Node keeps all that are equally long in one
 * list, so that a request that comes in one piece costs no timer at all.
 */
export class ReceiveTimer {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #limits: ListenerLimits
  #armedMs = 0
  #since: number
  #isRunning = true

  /** Runs for the first request from now. */
  constructor(socket: Socket, clock: Clock, limits: ListenerLimits) {
    this.#socket = socket
    this.#clock = clock
    this.#limits = limits
    this.#since = clock.monotonic()
    this.#arm(limits.headTimeoutMs)
  }

  /** A piece of a head has come. False: the time for it is over. */
  goOnWithHead(): boolean {
    return this.#goOn(this.#limits.headTimeoutMs)
  }

  /** A piece of a body has come. False: the time for the request is over. */
  goOnWithBody(): boolean {
    const { requestTimeoutMs } = this.#limits
    return requestTimeoutMs === 0 || this.#goOn(requestTimeoutMs)
  }

  /** Nothing is due from the client but, some time, the next request. */
  rest(): void {
    this.#isRunning = false
    this.#arm(this.#limits.keepAliveMs)
  }

  #goOn(limitMs: number): boolean {
    const now = this.#clock.monotonic()
    if (!this.#isRunning) this.#since = now
    this.#isRunning = true
    const leftMs = limitMs - (now - this.#since)
    if (leftMs > 0) this.#arm(Math.ceil(leftMs))
    return leftMs > 0
  }

  #arm(ms: number): void {
    if (ms === this.#armedMs) return
    this.#armedMs = ms
    this.#socket.setTimeout(ms)
  }
}
