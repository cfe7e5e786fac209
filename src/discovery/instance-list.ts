import type { Clock } from '../clock.ts'
import type { BrakePolicy, UpstreamConfig } from '../config/config.ts'
import type { GatewayError } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { Instance, Watch, WatchListener } from '../registry/registry.ts'
import { registeredInstance, staticInstance, type Listed } from './listed.ts'
import { RemovalBrake, type OwnVerdict } from './outage/removal-brake.ts'
import type { ServiceWatches } from './service-watches.ts'

/** A registry that failed for less than this was not away, ms. */
const OUTAGE_MS = 1_000
/** For so long after an outage the registry may not know everybody yet, ms. */
const RETURN_MS = 30_000

export interface InstanceListOptions {
  readonly config: UpstreamConfig
  readonly watches: ServiceWatches
  readonly clock: Clock
  readonly logger: Logger
  readonly verdict: OwnVerdict
  /** Called when `instances` is another list. */
  readonly onChange: () => void
}

/** The instances of one upstream: what the registry lists, or config, with those that stay though they have been dropped. Closed by the caller. */
export class InstanceList {
  readonly #options: InstanceListOptions
  readonly #brake: RemovalBrake
  #watch: Watch | null = null
  #instances: readonly Listed[] | null = null
  #fromDisk = false
  #lastError: GatewayError | null = null
  /** Monotonic ms of the first failure since the last value, and until when removals are doubted. */
  #failingSince: number | null = null
  #doubtedUntil = -Infinity

  constructor(options: InstanceListOptions) {
    this.#options = options
    this.#brake = new RemovalBrake(options.config.brake, { clock: options.clock, onRelease: () => this.#publish() })
  }

  start(): this {
    const { config, watches } = this.#options
    const { source } = config
    if (source.kind === 'static') {
      this.#take(source.instances.map(staticInstance), false)
      return this
    }
    const listener: WatchListener<readonly Instance[]> = {
      onValue: (instances, isRemembered = false) => {
        if (!isRemembered) this.#noteAnswer()
        this.#take(instances.map(registeredInstance), isRemembered)
      },
      onError: (error) => {
        this.#lastError = error
        this.#failingSince ??= this.#options.clock.monotonic()
      },
    }
    this.#watch = watches.watch(source.service, listener, source.datacenter)
    return this
  }

  /** Null: nothing is known yet. */
  get instances(): readonly Listed[] | null {
    return this.#instances
  }

  /** Null: static, or the registry has not answered yet. */
  get freshSince(): number | null {
    return this.#watch?.freshSince ?? null
  }

  /** The last failure of the registry for this service, if nothing succeeded since. */
  get lastError(): GatewayError | null {
    return this.#lastError
  }

  /** Whether the instances are those of a former process, since the registry has not answered this one yet. */
  get isFromDisk(): boolean {
    return this.#fromDisk
  }

  /** How many instances stay though the registry has dropped them. */
  get held(): number {
    return this.#brake.held
  }

  setBrake(policy: BrakePolicy): void {
    this.#brake.setPolicy(policy)
  }

  /** A probe has decided: that may free some that are held. */
  judge(): void {
    if (this.#brake.judge(this.#options.verdict) > 0) this.#publish()
  }

  close(): void {
    this.#watch?.close()
    this.#brake.reset()
  }

  #noteAnswer(): void {
    const now = this.#options.clock.monotonic()
    // One that failed when this process started may have been away for long before.
    const wasAway = this.#failingSince !== null && (this.#fromDisk || now - this.#failingSince >= OUTAGE_MS)
    if (wasAway) this.#doubtedUntil = now + RETURN_MS
    this.#failingSince = null
    this.#lastError = null
  }

  #take(next: readonly Listed[], isRemembered: boolean): void {
    const isAfterOutage = this.#options.clock.monotonic() < this.#doubtedUntil
    // What a former process knew and nobody has confirmed since is no reason to doubt the registry.
    if (this.#fromDisk && !isAfterOutage) this.#brake.reset()
    this.#fromDisk = isRemembered
    const held = this.#brake.take(next, isAfterOutage)
    if (held > 0) this.#tellHeld(held, isAfterOutage)
    this.#brake.judge(this.#options.verdict)
    this.#publish()
  }

  #publish(): void {
    this.#instances = this.#brake.instances
    this.#options.onChange()
  }

  #tellHeld(held: number, isAfterOutage: boolean): void {
    const { config, logger } = this.#options
    const why = isAfterOutage ? 'just after it was away' : 'at once'
    logger.warn(
      { event: 'upstream.removal_held', upstream: config.name, held, isAfterOutage },
      `the registry drops ${held} instances of ${config.name} ${why}: they stay until our own probes fail`,
    )
  }
}
