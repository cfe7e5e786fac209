import { isDeepStrictEqual } from 'node:util'
import { fullJitterMs } from '../../backoff.ts'
import { pause, type Clock, type Random } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Watch, WatchListener } from '../registry.ts'
import type { ConsulClient, ConsulReply } from './client.ts'
import { protocolError } from './request-error.ts'

/** How long the registry may hold a read. */
const WAIT_MS = 60_000
/** Consul adds up to wait/16 of its own; the rest is the way there and back. */
const DEADLINE_MS = WAIT_MS + WAIT_MS / 16 + 5_000
const ERROR_BACKOFF = { baseMs: 200, maxMs: 10_000 }
/** A registry that does not hold reads at all is asked this often. */
const SPIN_BACKOFF = { baseMs: 200, maxMs: 2_000 }
/** Where no connection can be held for a read, it is repeated about this often. */
const POLL_MS = 2_000
/** Between two answers that came at once: a prefix that changes all the time is read 20 times a second, no more. */
const MIN_GAP_MS = 50

export interface BlockingQueryOptions<T> {
  readonly client: ConsulClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly expect?: readonly number[]
  readonly decode: (reply: ConsulReply) => T
  readonly listener: WatchListener<T>
  /** False: reads every two seconds instead of having the registry hold the read, so that no connection is kept. */
  readonly held: boolean
}

/**
 * Follows one read of the registry (Consul: blocking queries): the listener gets the first value and each one that differs. Errors go to
 * the listener and leave the last value valid. Runs until closed by the caller.
 */
export class BlockingQuery<T> implements Watch {
  readonly #options: BlockingQueryOptions<T>
  readonly #closing = new AbortController()
  #freshSince: number | null = null
  #index = 0n
  #last: { readonly value: T } | null = null
  #failures = 0
  #spins = 0

  constructor(options: BlockingQueryOptions<T>) {
    this.#options = options
  }

  get freshSince(): number | null {
    return this.#freshSince
  }

  start(): this {
    void this.#loop()
    return this
  }

  close(): void {
    this.#closing.abort(new GatewayError('registry_unavailable', `the watch of ${this.#options.path} has been closed`))
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  async #loop(): Promise<void> {
    const { clock } = this.#options
    while (!this.#isClosed) {
      const startedSince = clock.monotonic()
      const delayMs = await this.#readOnce()
      const gapMs = MIN_GAP_MS - (clock.monotonic() - startedSince)
      if (!this.#isClosed) await pause(clock, Math.max(delayMs, gapMs, 0), this.#closing.signal)
    }
  }

  /** Reads once and tells the listener; gives the ms to wait before the next read. */
  async #readOnce(): Promise<number> {
    const { clock, random } = this.#options
    const startedSince = clock.monotonic()
    try {
      const { value, index } = await this.#read()
      if (this.#isClosed) return 0
      this.#failures = 0
      this.#freshSince = clock.monotonic()
      return this.#take(value, index, clock.monotonic() - startedSince)
    } catch (error) {
      if (this.#isClosed) return 0
      // What the index meant is unknown now (the registry may have been replaced): the next read must answer at once.
      this.#index = 0n
      this.#tell(() => this.#options.listener.onError(error as GatewayError))
      return fullJitterMs(this.#failures++, random, ERROR_BACKOFF)
    }
  }

  async #read(): Promise<{ value: T; index: bigint }> {
    const { client, path, query, expect, decode, held } = this.#options
    const isBlocking = this.#index > 0n
    const request = {
      method: 'GET' as const,
      path,
      query: { ...query, ...(isBlocking ? { index: String(this.#index), wait: `${WAIT_MS}ms` } : {}) },
      signal: this.#closing.signal,
      watch: held,
      ...(isBlocking ? { deadlineMs: DEADLINE_MS } : {}),
      ...(expect ? { expect } : {}),
    }
    return client.send(request, (reply) => ({ index: indexOf(reply), value: decode(reply) }))
  }

  #take(value: T, index: bigint, tookMs: number): number {
    if (!this.#options.held) {
      this.#tellIfNew(value)
      return POLL_MS * (0.75 + 0.5 * this.#options.random())
    }
    const asked = this.#index
    if (index < asked) {
      // Consul: an index that goes backwards means a restored or new registry; start over.
      this.#index = 0n
      return 0
    }
    this.#index = index
    if (index === asked) return this.#spinDelayMs(tookMs)
    this.#spins = 0
    this.#tellIfNew(value)
    return 0
  }

  #tellIfNew(value: T): void {
    if (this.#last && isDeepStrictEqual(this.#last.value, value)) return
    this.#last = { value }
    this.#tell(() => this.#options.listener.onValue(value))
  }

  /** An unchanged index after the wait is how a quiet read ends; the same at once is a registry that does not hold reads. */
  #spinDelayMs(tookMs: number): number {
    if (tookMs >= WAIT_MS / 2) {
      this.#spins = 0
      return 0
    }
    return fullJitterMs(this.#spins++, this.#options.random, SPIN_BACKOFF)
  }

  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      // A fault of the listener's must not end the watch.
      this.#options.logger.error(
        { event: 'watch.listener_failed', path: this.#options.path, error: messageOf(error) },
        'a listener failed',
      )
    }
  }
}

function indexOf(reply: ConsulReply): bigint {
  if (reply.index === null) throw protocolError('there is no X-Consul-Index in the answer to a watched read', reply.name)
  const index = /^\d{1,20}$/.test(reply.index) ? BigInt(reply.index) : 0n
  if (index === 0n) throw protocolError(`X-Consul-Index is "${reply.index.slice(0, 40)}", expected a number above 0`, reply.name)
  return index
}
