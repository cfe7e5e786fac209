import { formatAddress, type Address } from '../../address.ts'
import type { Clock, Timer } from '../../clock.ts'
import { Burden } from '../balancer/burden.ts'
import { Latency } from '../balancer/latency.ts'
import type { Exchange } from '../exchange.ts'
import { UpstreamConnection, type ConnectionKeeper } from '../http1/upstream-connection.ts'
import { isPipelinable, type RequestOwner, type UpstreamRequest } from '../http1/upstream-request.ts'
import { Pipelining } from './pipelining.ts'

/** What an endpoint needs of its upstream's policy. */
export interface EndpointLimits {
  readonly maxConnections: number
  readonly maxQueued: number
  /** Requests that may be under way on one connection. */
  readonly pipelining: number
  /** Connections that are open, or being opened, while it may be called. */
  readonly warmConnections: number
  /** Attempts under way; Infinity: no limit. */
  readonly maxRequests: number
}

/** How long after the end of a connection another one is opened in its place, ms: soon, and not in a loop. */
const WARM_AGAIN_MS = 1_000

export interface EndpointDeps {
  readonly clock: Clock
  /** Called when requests no longer go to it behind each other, although its limits allow that. */
  readonly onPipeliningOff?: (endpointKey: string, reason: string) => void
}

/** Something that waits for its turn on a connection. */
export interface Waiter {
  /** Its turn has come; it gives the turn back with {@link Endpoint.release}. */
  onTurn(): void
}

/** Our running state for one address of one upstream: connections and load. It survives every swap of the members that keeps the address. */
export class Endpoint implements ConnectionKeeper {
  /** `host:port` */
  readonly key: string
  readonly address: Address
  /** Attempts and tunnels under way, those that wait for a connection included. */
  inFlight = 0
  /** The exchanges of the tunnels among them. */
  readonly tunnels = new Set<Exchange>()
  /** How slow it has been lately. */
  readonly latency = new Latency()
  /** How it takes to requests that stand behind each other. */
  readonly pipelining: Pipelining
  readonly clock: Clock
  /** Its failures lately. */
  readonly burden = new Burden()
  #limits: EndpointLimits
  /** All connections, those that are being opened included. */
  readonly #connections = new Set<UpstreamConnection>()
  /** Connections without a request; the one used last is used first, so that those that are not needed grow old. */
  readonly #idle: UpstreamConnection[] = []
  /** The connection that takes more requests until the end of this turn, if any does. */
  #gathering: UpstreamConnection | null = null
  /** Turns given out: each has a connection at the most. */
  #turns = 0
  readonly #waiting = new Set<Waiter>()
  #isWarm = false
  #warmAgain: Timer | null = null
  #isCallingUp = false
  #isRetired = false
  #isDestroyed = false

  constructor(address: Address, limits: EndpointLimits, { clock, onPipeliningOff }: EndpointDeps) {
    this.key = formatAddress(address)
    this.address = address
    this.clock = clock
    this.#limits = limits
    this.pipelining = new Pipelining(limits.pipelining, (reason) => onPipeliningOff?.(this.key, reason))
  }

  /** Whether it has as many attempts as it is to have. */
  get isBusy(): boolean {
    return this.inFlight >= this.#limits.maxRequests
  }

  /** Whether one more attempt is too many: it is busy, or the queue for its connections is full. */
  get isFull(): boolean {
    if (this.isBusy) return true
    return this.#turns >= this.#limits.maxConnections && this.#waiting.size >= this.#limits.maxQueued
  }

  /** Gives a turn: at once, or when one is released. */
  acquire(waiter: Waiter): void {
    if (this.#turns >= this.#limits.maxConnections) return void this.#waiting.add(waiter)
    this.#turns++
    waiter.onTurn()
  }

  /** Takes out one that waits. */
  giveUp(waiter: Waiter): void {
    this.#waiting.delete(waiter)
  }

  release(): void {
    this.#turns--
    if (this.#waiting.size > 0) this.#callUp()
  }

  /** Sends a request on an idle connection or a new one; `fresh`: on a new one. Null: no more, and the owner knows. */
  dispatch(request: UpstreamRequest, owner: RequestOwner, fresh: boolean): UpstreamConnection | null {
    if (this.#isDestroyed) {
      owner.onFailure({ code: 'upstream_connect_failed', detail: 'the endpoint is closed' }, false)
      return null
    }
    if (fresh) return this.#run(this.#open(), request, owner)
    const { depth } = this.pipelining
    if (depth > 1 && isPipelinable(request)) return this.#gather(request, owner, depth)
    return this.#run(this.#takeIdle() ?? this.#open(), request, owner)
  }

  onPipelined(): void {
    this.pipelining.onPipelined()
  }

  onPipelineCut(): void {
    this.pipelining.onCut()
  }

  onPipelineFault(detail: string): void {
    this.pipelining.onFault(detail)
  }

  onIdle(connection: UpstreamConnection): void {
    if (this.#isRetired || this.#turns > this.#limits.maxConnections) return connection.destroy()
    this.#idle.push(connection)
  }

  onClosed(connection: UpstreamConnection): void {
    this.#connections.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    if (this.#isWarm && !this.#isRetired) this.#warmAgain ??= this.clock.after(WARM_AGAIN_MS, this.#warmUp)
  }

  /** Says whether it may be called: then its connections are opened before anybody asks for one, and opened again when they end. */
  setWarm(isCallable: boolean): void {
    this.#isWarm = isCallable && this.#limits.warmConnections > 0
    if (this.#isWarm && this.#warmAgain === null) this.#warmUp()
  }

  /** Takes new limits; attempts under way end on the connections they have. */
  setLimits(limits: EndpointLimits): void {
    this.#limits = limits
    this.pipelining.setDepth(limits.pipelining)
    while (this.#connections.size > limits.maxConnections && this.#idle.length > 0) this.#idle[0]?.destroy()
    this.#callUp()
  }

  /** Lets attempts under way end and closes the connections after them. */
  retire(): void {
    this.#isRetired = true
    this.#warmAgain?.cancel()
    for (const connection of this.#idle.slice()) connection.destroy()
  }

  /** Ends everything at once. */
  destroy(): void {
    this.#isRetired = true
    this.#isDestroyed = true
    this.#warmAgain?.cancel()
    for (const connection of this.#connections) connection.cut()
  }

  #run(connection: UpstreamConnection, request: UpstreamRequest, owner: RequestOwner): UpstreamConnection {
    connection.run(request, owner, false)
    return connection
  }

  /** Sends a request behind those that wait for the end of this turn, or as the first of them. */
  #gather(request: UpstreamRequest, owner: RequestOwner, depth: number): UpstreamConnection {
    const open = this.#gathering
    if (open?.takesMore(depth)) {
      open.join(request, owner)
      return open
    }
    const connection = this.#takeIdle() ?? this.#open()
    this.#gathering = connection
    connection.run(request, owner, true)
    return connection
  }

  #takeIdle(): UpstreamConnection | undefined {
    for (let last = this.#idle.pop(); last; last = this.#idle.pop()) if (last.isUsable) return last
    return undefined
  }

  readonly #warmUp = (): void => {
    this.#warmAgain = null
    const { warmConnections, maxConnections } = this.#limits
    // Those that serve already are used first.
    while (this.#connections.size < Math.min(warmConnections, maxConnections)) this.#idle.unshift(this.#open())
  }

  #open(): UpstreamConnection {
    const connection = new UpstreamConnection(this)
    this.#connections.add(connection)
    return connection
  }

  #callUp(): void {
    // A turn that ends at once must not call up the next one from within: a long queue would be a deep stack.
    if (this.#isCallingUp) return
    this.#isCallingUp = true
    for (const waiter of this.#waiting) {
      if (this.#turns >= this.#limits.maxConnections) break
      this.#waiting.delete(waiter)
      this.#turns++
      waiter.onTurn()
    }
    this.#isCallingUp = false
  }
}
