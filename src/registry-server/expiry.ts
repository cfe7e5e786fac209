import type { Clock, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { Agent } from './agent.ts'
import type { SessionRow } from './store/rows.ts'
import { endSession, renewSession } from './store/sessions.ts'
import { nodeKey } from './store/state.ts'
import type { Store } from './store/store.ts'
import type { Change } from './store/table.ts'

/** Consul: tombstone TTL 15 minutes; both scans every 30 s. */
const tombstoneTtlMs = 15 * 60_000
const scanEveryMs = 30_000
/** A renewal is written if it moves the end of a session by at least this share of its TTL. */
const smallestRenewalRatio = 0.1
const shortestResumedMs = 2000

export interface ExpiryOptions {
  readonly store: Store
  readonly agent: Agent
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Everything that ends because time has passed: sessions that nobody renews, tombstones, and services that were critical for too long.
 * Sessions and lock-delays go on over a
 * restart; the time for which a service has been critical starts anew.
 */
export class Expiry {
  readonly #options: ExpiryOptions
  readonly #sessions = new Map<string, Timer>()
  /** Monotonic time since when a check with a deregistration limit is critical, ms. */
  readonly #criticalSince = new Map<string, number>()
  #scan: Timer | null = null

  constructor(options: ExpiryOptions) {
    this.#options = options
    options.store.follow((changes) => this.#follow(changes))
  }

  start(): void {
    const { state } = this.#options.store
    for (const session of state.sessions.withPrefix('')) this.#resume(session)
    for (const definition of state.definitions.withPrefix('')) this.#noteStatus(definition.id)
    this.#scheduleScan()
  }

  /**
   * Starts a session's TTL anew; resolves when that is on disk, with false if the session has ended meanwhile. It lapses at twice the TTL,
   * as Consul's does: a client that is late by less is safe.
   */
  async renew({ id, ttlMs, renewedAt = 0 }: SessionRow): Promise<boolean> {
    const { store, clock } = this.#options
    if (ttlMs > 0 && this.#sessions.has(id)) this.#arm(id, ttlMs * 2)
    // Who renews without a pause does not write each time.
    if (Math.abs(clock.now() - renewedAt) < ttlMs * smallestRenewalRatio || ttlMs === 0) return true
    return store.write((transaction) => renewSession(transaction, id))
  }

  close(): void {
    this.#scan?.cancel()
    for (const timer of this.#sessions.values()) timer.cancel()
  }

  #follow(changes: readonly Change[]): void {
    const { store, agent } = this.#options
    for (const { table, key } of changes) {
      if (table === 'sessions') this.#followSession(key, store.state.sessions.get(key))
      if (table === 'checks' && key.startsWith(nodeKey(agent.node, '')))
        this.#noteStatus(key.slice(nodeKey(agent.node, '').length))
    }
  }

  #followSession(id: string, session: SessionRow | undefined): void {
    if (session && session.ttlMs > 0) return this.#arm(id, session.ttlMs * 2)
    this.#sessions.get(id)?.cancel()
    this.#sessions.delete(id)
  }

  /** Goes on with what was left of the TTL, and leaves time for a renewal that could not be sent while the registry was away. */
  #resume({ id, ttlMs, renewedAt }: SessionRow): void {
    if (ttlMs === 0) return
    const fullMs = ttlMs * 2
    const leftMs = renewedAt === undefined ? fullMs : renewedAt + fullMs - this.#options.clock.now()
    this.#arm(id, Math.min(Math.max(leftMs, shortestResumedMs), fullMs))
  }

  #arm(id: string, delayMs: number): void {
    const { clock, logger, store } = this.#options
    this.#sessions.get(id)?.cancel()
    const timer = clock.after(delayMs, () => {
      logger.info({ event: 'registry.session_expired', session: id }, 'a session was not renewed in time')
      this.#try('session', () => store.write((transaction) => endSession(transaction, id)))
    })
    this.#sessions.set(id, timer)
  }

  #noteStatus(checkId: string): void {
    const { store, agent, clock } = this.#options
    const hasLimit = (store.state.definitions.get(checkId)?.deregisterAfterMs ?? 0) > 0
    const isCritical = store.state.checks.get(nodeKey(agent.node, checkId))?.status === 'critical'
    if (!hasLimit || !isCritical) this.#criticalSince.delete(checkId)
    else if (!this.#criticalSince.has(checkId)) this.#criticalSince.set(checkId, clock.monotonic())
  }

  #scheduleScan(): void {
    this.#scan = this.#options.clock.after(scanEveryMs, () => {
      this.#reapTombstones()
      this.#reapLockDelays()
      this.#deregisterCritical()
      this.#scheduleScan()
    })
  }

  #reapTombstones(): void {
    const { store, clock } = this.#options
    const before = clock.now() - tombstoneTtlMs
    const old = [...store.state.tombstones.withPrefix('')].filter(({ at }) => at < before)
    if (old.length === 0) return
    this.#try('tombstones', () =>
      store.write((transaction) => {
        const { tombstones } = transaction.state
        // One that was written again since is not the one that is old.
        for (const { key, index } of old) if (tombstones.get(key)?.index === index) transaction.remove(tombstones, key)
      }),
    )
  }

  #reapLockDelays(): void {
    const { store } = this.#options
    const expired = store.state.lockDelays.takeExpired()
    if (expired.length === 0) return
    this.#try('lock-delays', () =>
      store.write((transaction) => {
        const { lockDelays } = transaction.state
        for (const key of expired) if (!lockDelays.isBarred(key)) transaction.remove(lockDelays.rows, key)
      }),
    )
  }

  #deregisterCritical(): void {
    const { store, agent, clock, logger } = this.#options
    for (const [checkId, since] of this.#criticalSince) {
      const limitMs = store.state.definitions.get(checkId)?.deregisterAfterMs ?? Infinity
      const service = store.state.checks.get(nodeKey(agent.node, checkId))?.serviceId
      if (!service || clock.monotonic() - since < limitMs) continue
      logger.info(
        { event: 'registry.service_reaped', service, check: checkId, afterMs: limitMs },
        'a service was critical for too long',
      )
      this.#try('service', () => agent.deregisterService(service))
    }
  }

  #try(what: string, run: () => Promise<unknown>): void {
    run().catch((error: unknown) => {
      this.#options.logger.error(
        { event: 'registry.expiry_failed', what, error: messageOf(error) },
        'what has expired could not be removed',
      )
    })
  }
}
