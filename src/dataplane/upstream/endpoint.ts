import { Pool, type Dispatcher } from 'undici'
import { formatAddress, type Address } from '../../address.ts'
import { Latency } from '../balancer/latency.ts'
import { connectorOf } from './connector.ts'

/** What an endpoint needs of its upstream's policy. */
export interface EndpointLimits {
  readonly maxConnections: number
  readonly maxQueued: number
  readonly connectMs: number
}

/** Something that waits for its turn on a connection. */
export interface Waiter {
  /** Its turn has come; it gives the turn back with {@link Endpoint.release}. */
  onTurn(): void
}

/**
 * Kept below the 5 s after which many servers (Node's among them) close an idle connection, so that a request is not sent into a closing
 * one; a server that tells its own time (Keep-Alive: timeout=…) is believed, minus undici's margin of 2 s.
 */
const KEEP_ALIVE_MS = 4_000

/** Our running state for one address of one upstream: connections and load. It survives every swap of the members that keeps the address. */
export class Endpoint {
  /** `host:port` */
  readonly key: string
  readonly address: Address
  /** Attempts and tunnels under way, those that wait for a connection included. */
  inFlight = 0
  /** How slow it has been lately. */
  readonly latency = new Latency()
  #limits: EndpointLimits
  #pool: Pool
  /** Turns given out: never more than connections, so that nothing waits inside undici, where nobody could take it out again. */
  #turns = 0
  readonly #waiting = new Set<Waiter>()
  #isCallingUp = false
  #isRetired = false

  constructor(address: Address, limits: EndpointLimits) {
    this.key = formatAddress(address)
    this.address = address
    this.#limits = limits
    this.#pool = openPool(this.key, limits)
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
    this.#closeIfDone()
  }

  release(): void {
    this.#turns--
    if (this.#waiting.size > 0) this.#callUp()
    this.#closeIfDone()
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler)
  }

  /** Takes new limits; attempts under way end on the connections they have. */
  setLimits(limits: EndpointLimits): void {
    const before = this.#limits
    this.#limits = limits
    if (before.maxConnections === limits.maxConnections && before.connectMs === limits.connectMs) return
    closePool(this.#pool)
    this.#pool = openPool(this.key, limits)
    this.#callUp()
  }

  /** Lets attempts under way end and closes the connections after them. */
  retire(): void {
    this.#isRetired = true
    this.#closeIfDone()
  }

  /** Ends everything at once. */
  async destroy(): Promise<void> {
    await this.#pool.destroy()
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

  #closeIfDone(): void {
    if (this.#isRetired && this.#turns === 0 && this.#waiting.size === 0) closePool(this.#pool)
  }
}

function closePool(pool: Pool): void {
  // It rejects only if the pool has been destroyed or closed meanwhile: then there is nothing left to close.
  pool.close().catch(() => {})
}

function openPool(key: string, { maxConnections, connectMs }: EndpointLimits): Pool {
  return new Pool(`http://${key}`, {
    connections: maxConnections,
    pipelining: 1,
    connect: connectorOf(connectMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Deadlines are ours (deadlines.ts): undici's own are coarse and know nothing of retries.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  })
}
