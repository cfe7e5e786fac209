import { z } from 'zod'
import { fullJitterMs } from '../../backoff.ts'
import type { Clock, Random, Timer } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Session, SessionOptions } from '../registry.ts'
import type { ConsulClient } from './client.ts'
import { parseJson } from './json.ts'

const created = z.object({ ID: z.string().min(1) })
const CLOSE_DEADLINE_MS = 2_000

export interface SessionDeps {
  readonly client: ConsulClient
  readonly clock: Clock
  readonly random: Random
  /** Called once, when the session is closed or lost. */
  readonly onEnd: (session: Session) => void
}

/** Creates a session on the registry (Consul: `session/create`) and keeps it alive. Closed by the caller. */
export async function openConsulSession(options: SessionOptions, deps: SessionDeps): Promise<ConsulSession> {
  const sentSince = deps.clock.monotonic()
  const { name, ttlMs, lockDelayMs, behavior } = options
  const body = JSON.stringify({
    Name: name,
    TTL: `${ttlMs}ms`,
    LockDelay: `${lockDelayMs}ms`,
    Behavior: behavior,
    // Liveness is the TTL alone. With Consul's default (the agent's serfHealth) a flap of the agent's gossip would end the session of a
    // holder that renews in time, and a node without that check could not have a session.
    NodeChecks: [],
  })
  const id = await deps.client.send(
    { method: 'PUT', path: '/v1/session/create', body },
    (reply) => parseJson(reply.body, created).ID,
  )
  return new ConsulSession(id, ttlMs, sentSince, deps)
}

/** A session that renews itself every third of its TTL. */
export class ConsulSession implements Session {
  readonly id: string
  readonly #ttlMs: number
  readonly #deps: SessionDeps
  readonly #lost = new AbortController()
  readonly #closing = new AbortController()
  #aliveUntil: number
  #failures = 0
  #renewal: Timer
  #expiry: Timer

  /** Renewing starts with construction, since the TTL runs on the registry already. */
  constructor(id: string, ttlMs: number, sentSince: number, deps: SessionDeps) {
    this.id = id
    this.#ttlMs = ttlMs
    this.#deps = deps
    this.#aliveUntil = sentSince + ttlMs
    this.#renewal = this.#renewIn(ttlMs / 3)
    this.#expiry = this.#watchExpiry()
  }

  get aliveUntil(): number {
    return this.#aliveUntil
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#stop('it was closed')
    this.#aliveUntil = Math.min(this.#aliveUntil, this.#deps.clock.monotonic())
    const request = { method: 'PUT' as const, path: `/v1/session/destroy/${this.id}`, deadlineMs: CLOSE_DEADLINE_MS }
    // If the registry cannot be told, the TTL ends the session.
    await this.#deps.client.send(request, () => undefined).catch(() => undefined)
  }

  #renewIn(delayMs: number): Timer {
    return this.#deps.clock.after(delayMs, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const { client, clock, random } = this.#deps
    const sentSince = clock.monotonic()
    try {
      // A session that the registry does not know answers 404.
      const isKnown = await client.send(
        {
          method: 'PUT',
          path: `/v1/session/renew/${this.id}`,
          expect: [200, 404],
          deadlineMs: this.#ttlMs / 3,
          signal: this.#closing.signal,
        },
        ({ status }) => status === 200,
      )
      if (this.#closing.signal.aborted) return
      if (!isKnown) return this.#lose('the registry does not know it any more')
      this.#aliveUntil = sentSince + this.#ttlMs
      this.#failures = 0
      this.#renewal = this.#renewIn(sentSince + this.#ttlMs / 3 - clock.monotonic())
    } catch {
      // A failed renewal proves nothing about the session: ask again until `aliveUntil`, which `#watchExpiry` guards. The failure itself
      // is told by `registry.contact`.
      if (this.#closing.signal.aborted) return
      this.#renewal = this.#renewIn(fullJitterMs(this.#failures++, random, { baseMs: 200, maxMs: this.#ttlMs / 6 }))
    }
  }

  #watchExpiry(): Timer {
    const leftMs = this.#aliveUntil - this.#deps.clock.monotonic()
    return this.#deps.clock.after(leftMs, () => {
      if (this.#deps.clock.monotonic() >= this.#aliveUntil) return this.#lose(`it could not be renewed for ${this.#ttlMs} ms`)
      this.#expiry = this.#watchExpiry()
    })
  }

  #lose(why: string): void {
    this.#aliveUntil = Math.min(this.#aliveUntil, this.#deps.clock.monotonic())
    this.#stop(why)
    this.#lost.abort(new GatewayError('session_lost', `session ${this.id}: ${why}`))
  }

  #stop(why: string): void {
    this.#renewal.cancel()
    this.#expiry.cancel()
    this.#closing.abort(new GatewayError('session_lost', `session ${this.id}: ${why}`))
    this.#deps.onEnd(this)
  }
}
