import type { Clock, Random, Timer } from '../clock.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { Registration, Registry, Watch } from '../registry/registry.ts'
import type { ServiceWatches } from './service-watches.ts'

const BEAT_EVERY_MS = 5_000

export interface KeptRegistrationOptions {
  readonly registration: Registration
  readonly registry: Pick<Registry, 'register' | 'deregister' | 'reportHealth'>
  readonly watches: Pick<ServiceWatches, 'watch'>
  /** Why it should get no traffic; null: it should. Told to its TTL check with each beat. */
  readonly health: () => string | null
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/**
 * Keeps one instance registered: a beat every 5 s tells its health, if it has a TTL check, and registers it again once the registry does not
 * list it any more (it lost its data, somebody deregistered it). Started once, closed by the caller.
 */
export class KeptRegistration {
  readonly #options: KeptRegistrationOptions
  #watch: Watch | null = null
  #isRegistered = false
  #hasComplained = false
  #timer: Timer | null = null
  #beating: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: KeptRegistrationOptions) {
    this.#options = options
  }

  /** Resolves after the first try; a registry that is away is tried again. Throws `registry_refused` if it does not want the registration. */
  async start(): Promise<void> {
    const { registration, watches } = this.#options
    const failure = await this.#beat()
    if (failure instanceof GatewayError && failure.code === 'registry_refused') throw failure
    if (this.#isClosed) return
    this.#watch = watches.watch(registration.name, {
      onValue: (instances, isRemembered) => {
        if (!isRemembered && !instances.some(({ id }) => id === registration.id)) this.#isRegistered = false
      },
      // What the registry lists is not known: the beats go on.
      onError: () => {},
    })
    this.#beatLater()
  }

  /** Whether the registry has taken it, as far as is known. */
  get isRegistered(): boolean {
    return this.#isRegistered
  }

  /** Tells its health now and not with the next beat. */
  tellHealth(): Promise<void> {
    return this.#beat().then(() => {})
  }

  /** Takes it out; never throws. */
  async close(): Promise<void> {
    if (this.#isClosed) return this.#beating
    const { registration, registry, logger } = this.#options
    this.#isClosed = true
    this.#timer?.cancel()
    this.#watch?.close()
    await this.#beating
    this.#beating = registry.deregister(registration.id).catch((error: unknown) => {
      const event = { event: 'registration.stays', id: registration.id, error: messageOf(error) }
      logger.warn(event, `${registration.id} could not be deregistered`)
    })
    await this.#beating
  }

  #beatLater(): void {
    this.#timer = this.#options.clock.after(BEAT_EVERY_MS * (0.9 + 0.2 * this.#options.random()), () => {
      void this.#beat().then(() => {
        if (!this.#isClosed) this.#beatLater()
      })
    })
  }

  /** Gives what it failed for; null: it did not. One at a time. */
  #beat(): Promise<unknown> {
    const beat = this.#beating.then(() => (this.#isClosed ? null : this.#tell()))
    this.#beating = beat.then(() => {})
    return beat
  }

  async #tell(): Promise<unknown> {
    const { registration, registry, health, logger } = this.#options
    try {
      if (!this.#isRegistered) await registry.register(registration)
      this.#isRegistered = true
      const reason = health()
      if (registration.check?.kind === 'ttl')
        await registry.reportHealth(registration.id, reason === null ? 'passing' : 'critical', reason ?? 'serving')
      this.#hasComplained = false
      return null
    } catch (error) {
      this.#isRegistered = false
      const event = { event: 'registration.failed', id: registration.id, error: messageOf(error) }
      if (!this.#hasComplained) logger.warn(event, `${registration.id} cannot be registered yet`)
      this.#hasComplained = true
      return error
    }
  }
}
