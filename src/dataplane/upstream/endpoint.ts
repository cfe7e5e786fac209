import { formatAddress, type Address } from '../../address.ts'
import { Latency } from '../balancer/latency.ts'
import {
  UpstreamConnection,
  type ConnectionKeeper,
  type RequestOwner,
  type UpstreamRequest,
} from '../http1/upstream-connection.ts'

/** What an endpoint needs of its upstream's policy. */
export interface EndpointLimits {
  readonly maxConnections: number
  readonly maxQueued: number
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
  /** How slow it has been lately. */
  readonly latency = new Latency()
  #limits: EndpointLimits
  /** All connections, those that are being opened included. */
  readonly #connections = new Set<UpstreamConnection>()
  /** Connections without a request; the one used last is used first, so that those that are not needed grow old. */
  readonly #idle: UpstreamConnection[] = []
  /** Turns given out: each has a connection at the most. */
  #turns = 0
  readonly #waiting = new Set<Waiter>()
  #isCallingUp = false
  #isRetired = false
  #isDestroyed = false

  constructor(address: Address, limits: EndpointLimits) {
    this.key = formatAddress(address)
    this.address = address
    this.#limits = limits
  }

  /** Whether one more attempt would have to wait behind a full queue. */
  get isFull(): boolean {
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
    const connection = (fresh ? undefined : this.#takeIdle()) ?? this.#open()
    connection.run(request, owner)
    return connection
  }

  onIdle(connection: UpstreamConnection): void {
    if (this.#isRetired || this.#turns > this.#limits.maxConnections) return connection.destroy()
    this.#idle.push(connection)
  }

  onClosed(connection: UpstreamConnection): void {
    this.#connections.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  /** Takes new limits; attempts under way end on the connections they have. */
  setLimits(limits: EndpointLimits): void {
    this.#limits = limits
    while (this.#connections.size > limits.maxConnections && this.#idle.length > 0) this.#idle[0]?.destroy()
    this.#callUp()
  }

  /** Lets attempts under way end and closes the connections after them. */
  retire(): void {
    this.#isRetired = true
    for (const connection of this.#idle.slice()) connection.destroy()
  }

  /** Ends everything at once. */
  destroy(): void {
    this.#isRetired = true
    this.#isDestroyed = true
    for (const connection of this.#connections) connection.cut()
  }

  #takeIdle(): UpstreamConnection | undefined {
    for (let last = this.#idle.pop(); last; last = this.#idle.pop()) if (last.isUsable) return last
    return undefined
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
