import { Pool, type Dispatcher } from 'undici'
import { formatAddress, type Address } from '../../address.ts'

/** What an endpoint needs of its upstream's policy. */
export interface EndpointLimits {
  readonly maxConnections: number
  readonly maxQueued: number
  readonly connectMs: number
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
  #limits: EndpointLimits
  #pool: Pool

  constructor(address: Address, limits: EndpointLimits) {
    this.key = formatAddress(address)
    this.address = address
    this.#limits = limits
    this.#pool = openPool(this.key, limits)
  }

  /** Whether one more attempt would have to wait behind a full queue. */
  get isFull(): boolean {
    return this.inFlight >= this.#limits.maxConnections + this.#limits.maxQueued
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler)
  }

  /** Takes new limits; attempts under way end on the connections they have. */
  setLimits(limits: EndpointLimits): void {
    const before = this.#limits
    this.#limits = limits
    if (before.maxConnections === limits.maxConnections && before.connectMs === limits.connectMs) return
    this.retire()
    this.#pool = openPool(this.key, limits)
  }

  /** Lets attempts under way end and closes the connections after them. */
  retire(): void {
    // It rejects only if the pool has been destroyed meanwhile: then there is nothing left to close.
    this.#pool.close().catch(() => {})
  }

  /** Ends everything at once. */
  async destroy(): Promise<void> {
    await this.#pool.destroy()
  }
}

function openPool(key: string, { maxConnections, connectMs }: EndpointLimits): Pool {
  return new Pool(`http://${key}`, {
    connections: maxConnections,
    pipelining: 1,
    connectTimeout: connectMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Deadlines are ours (deadlines.ts): undici's own are coarse and know nothing of retries.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  })
}
