import type { Clock, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { Agent } from './agent.ts'
import type { SessionRow } from './store/rows.ts'
import { endSession } from './store/sessions.ts'
import { nodeKey } from './store/state.ts'
import type { Store } from './store/store.ts'
import type { Change } from './store/table.ts'

/** Consul: tombstone TTL 15 minutes; both scans every 30 s. */
const tombstoneTtlMs = 15 * 60_000
const scanEveryMs = 30_000

export interface ExpiryOptions {
  readonly store: Store
  readonly agent: Agent
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Everything that ends because time has passed: sessions that nobody renews, tombstones, and services that were critical for too long.
 * Its times start with the process. Lock-delays look after themselves.
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
    for (const session of state.sessions.withPrefix('')) this.renew(session)
    for (const definition of state.definitions.withPrefix('')) this.#noteStatus(definition.id)
    this.#scheduleScan()
  }

  /** Starts a session's TTL anew. It lapses at twice the TTL, as Consul's does: a client that is late by less is safe. */
  renew({ id, ttlMs }: SessionRow): void {
    this.#sessions.get(id)?.cancel()
    if (ttlMs === 0) return void this.#sessions.delete(id)
    const timer = this.#options.clock.after(ttlMs * 2, () => {
      this.#options.logger.info({ event: 'registry.session_expired', session: id }, 'a session was not renewed in time')
      this.#try('session', () => this.#options.store.write((transaction) => endSession(transaction, id)))
    })
    this.#sessions.set(id, timer)
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
    if (session) return this.renew(session)
    this.#sessions.get(id)?.cancel()
    this.#sessions.delete(id)
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
