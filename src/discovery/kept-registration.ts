import type { Clock, Random, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { Registration, Registry, Watch } from '../registry/registry.ts'
import type { ServiceWatches } from './service-watches.ts'

const BEAT_EVERY_MS = 5_000

/**
 * The check of an instance that lives as long as its process tells so: three beats and a bit, since one lost beat is no outage; one whose
 * process was killed leaves the list after Consul's smallest time for that.
 */
export const heartbeat = { kind: 'ttl', ttlMs: 16_000, deregisterAfterMs: 60_000 } as const

export interface KeptRegistrationOptions {
  /** The first is watched and beats, if it has a TTL check; the others are registered with it. */
  readonly registrations: readonly [Registration, ...Registration[]]
  readonly registry: Pick<Registry, 'register' | 'deregister' | 'reportHealth'>
  readonly watches: Pick<ServiceWatches, 'watch'>
  /** Why the first should get no traffic; null: it should. */
  readonly health: () => string | null
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/**
 * Keeps instances registered: a beat every 5 s tells the health of the first, and registers all of them again once the registry does not list
 * the first any more (it lost its data, somebody deregistered it). Another one that somebody takes out by itself stays out until then.
 * Started once, closed by the caller.
 */
export class KeptRegistration {
  readonly #options: KeptRegistrationOptions
  #watch: Watch | null = null
  #isRegistered = false
  #hasComplained = false
  #timer: Timer | null = null
  #beating: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(options: KeptRegistrationOptions) {
    this.#options = options
  }

  /** Resolves after the first try, with what it failed for, or null; it is tried again all the same. */
  start(): Promise<unknown> {
    const { registrations, watches } = this.#options
    const [{ id, name }] = registrations
    this.#watch = watches.watch(name, {
      onValue: (instances, isRemembered) => {
        if (!isRemembered && !instances.some((instance) => instance.id === id)) this.#isRegistered = false
      },
      // What the registry lists is not known: the beats go on.
      onError: () => {},
    })
    const first = this.beat()
    this.#beatLater()
    return first
  }

  /** Whether the registry has taken them, as far as is known. */
  get isRegistered(): boolean {
    return this.#isRegistered
  }

  /** Tells the health now, and registers again if need be. Gives what that failed for; null: it did not. */
  beat(): Promise<unknown> {
    this.#beating = this.#beating.then(() => (this.#isClosed ? null : this.#tell()))
    return this.#beating
  }

  /** Takes them out; never throws. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#timer?.cancel()
      this.#watch?.close()
      this.#beating = this.#beating.then(() => this.#takeOut())
    }
    await this.#beating
  }

  #beatLater(): void {
    this.#timer = this.#options.clock.after(BEAT_EVERY_MS * (0.9 + 0.2 * this.#options.random()), () => {
      void this.beat().then(() => {
        if (!this.#isClosed) this.#beatLater()
      })
    })
  }

  async #tell(): Promise<unknown> {
    const { registrations, registry, health, logger } = this.#options
    const [{ id, check }] = registrations
    try {
      if (!this.#isRegistered) await this.#register()
      const reason = health()
      if (check?.kind === 'ttl') await registry.reportHealth(id, reason === null ? 'passing' : 'critical', reason ?? 'serving')
      this.#hasComplained = false
      return null
    } catch (error) {
      this.#isRegistered = false
      if (!this.#hasComplained)
        logger.warn({ event: 'self.unregistered', id, error: messageOf(error) }, `cannot register ${id} with the registry yet`)
      this.#hasComplained = true
      return error
    }
  }

  async #register(): Promise<void> {
    const { registrations, registry, logger } = this.#options
    for (const registration of registrations) await registry.register(registration)
    this.#isRegistered = true
    const [{ id }] = registrations
    logger.info({ event: 'self.registered', id, services: registrations.map((one) => one.id) }, `registered as ${id}`)
  }

  async #takeOut(): Promise<void> {
    const { registrations, registry, logger } = this.#options
    const stays = (id: string, error: unknown): void =>
      logger.warn({ event: 'self.still_registered', id, error: messageOf(error) }, `${id} could not be deregistered`)
    await Promise.all(registrations.map(({ id }) => registry.deregister(id).catch((error: unknown) => stays(id, error))))
  }
}
