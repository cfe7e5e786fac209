import { isDeepStrictEqual } from 'node:util'
import { fullJitterMs } from '../../backoff.ts'
import { pause, type Clock, type Random } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Logger } from '../../logging.ts'
import type { Watch, WatchListener } from '../registry.ts'
import type { BellMember } from './change-bell.ts'
import type { ConsulClient, ConsulReply } from './client.ts'
import { protocolError } from './request-error.ts'

/** How long the registry may hold a read. */
const WAIT_MS = 60_000
/** Consul adds up to wait/16 of its own; the rest is the way there and back. */
const DEADLINE_MS = WAIT_MS + WAIT_MS / 16 + 5_000
const ERROR_BACKOFF = { baseMs: 200, maxMs: 10_000 }
/** A registry that does not hold reads at all is asked this often. */
const SPIN_BACKOFF = { baseMs: 200, maxMs: 2_000 }
/** When a registry that was away is heard again, each read begins anew within this, ms: at a moment of its own. */
const RETURN_WITHIN_MS = 1_000
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
  /** What tells when to read, if the registry is not to hold the read; null: it is. */
  readonly bell: BellMember | null
}

interface Answer<T> {
  readonly index: bigint
  /** Null: it is the last value. */
  readonly read: { readonly value: T } | null
}

/**
 * Follows one read of the registry (Consul: blocking queries): the listener gets the first value and each one that differs. Errors go to
 * the listener and leave the last value valid. Runs until closed by the caller.
 */
export class BlockingQuery<T> implements Watch {
  readonly #options: BlockingQueryOptions<T>
  readonly #closing = new AbortController()
  /** Ends the wait under way, whatever for. */
  #interruption = new AbortController()
  #unlinkReturn: () => void = () => {}
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
    this.#unlinkReturn = this.#options.client.onReturn(() => this.#interruption.abort())
    void this.#loop()
    return this
  }

  close(): void {
    this.#unlinkReturn()
    this.#interruption.abort()
    this.#options.bell?.leave()
    this.#closing.abort(new GatewayError('registry_unavailable', `the watch of ${this.#options.path} has been closed`))
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  async #loop(): Promise<void> {
    const { clock, random, bell } = this.#options
    while (!this.#isClosed) {
      const startedSince = clock.monotonic()
      const done = await bell?.turn()
      const delayMs = this.#isClosed ? 0 : await this.#readOnce()
      done?.()
      const gapMs = MIN_GAP_MS - (clock.monotonic() - startedSince)
      if (!this.#isClosed) await pause(clock, Math.max(delayMs, gapMs, 0), this.#interruption.signal)
      if (this.#isClosed || !this.#interruption.signal.aborted) continue
      this.#interruption = new AbortController()
      await pause(clock, random() * RETURN_WITHIN_MS, this.#closing.signal)
    }
  }

  /** Reads once and tells the listener; gives the ms to wait before the next read. */
  async #readOnce(): Promise<number> {
    const { clock, random } = this.#options
    const startedSince = clock.monotonic()
    const { signal } = this.#interruption
    try {
      const read = await this.#read(signal)
      if (this.#isClosed) return 0
      this.#failures = 0
      this.#freshSince = clock.monotonic()
      return this.#take(read, clock.monotonic() - startedSince)
    } catch (error) {
      // What the index meant is unknown now (the registry may have been replaced): the next read must answer at once.
      this.#index = 0n
      this.#options.bell?.again()
      if (this.#isClosed || signal.aborted) return 0
      this.#tell(() => this.#options.listener.onError(error as GatewayError))
      return fullJitterMs(this.#failures++, random, ERROR_BACKOFF)
    }
  }

  async #read(signal: AbortSignal): Promise<Answer<T>> {
    const { client, path, query, expect, decode, bell } = this.#options
    const isBlocking = this.#index > 0n && !bell
    const request = {
      method: 'GET' as const,
      path,
      query: { ...query, ...(isBlocking ? { index: String(this.#index), wait: `${WAIT_MS}ms` } : {}) },
      signal,
      watch: true,
      ...(isBlocking ? { deadlineMs: DEADLINE_MS } : {}),
      ...(expect ? { expect } : {}),
    }
    return client.send(request, (reply) => {
      const index = indexOf(reply)
      // The registry's own promise (Consul: blocking queries): with the same index nothing has changed, so nothing is parsed.
      return { index, read: bell && index === this.#index ? null : { value: decode(reply) } }
    })
  }

  #take({ index, read }: Answer<T>, tookMs: number): number {
    const asked = this.#index
    if (this.#options.bell) {
      this.#index = index
      if (read && this.#tellIfNew(read.value)) this.#options.bell.noteChange()
      return 0
    }
    if (index < asked) {
      // Consul: an index that goes backwards means a restored or new registry; start over.
      this.#index = 0n
      return 0
    }
    this.#index = index
    if (index === asked) return this.#spinDelayMs(tookMs)
    this.#spins = 0
    if (read) this.#tellIfNew(read.value)
    return 0
  }

  #tellIfNew(value: T): boolean {
    if (this.#last && isDeepStrictEqual(this.#last.value, value)) return false
    this.#last = { value }
    this.#tell(() => this.#options.listener.onValue(value))
    return true
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
