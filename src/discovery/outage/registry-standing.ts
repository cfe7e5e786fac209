import type { Clock, Timer } from '../../clock.ts'
import { formatDurationMs } from '../../durations.ts'
import type { Logger } from '../../logging.ts'
import type { RegistryContact } from '../../registry/registry.ts'
import type { LastGood } from './last-good.ts'

/**
 * A registry whose last answer is older than this and whose last request failed is away, ms: our own heartbeat asks it every 5 s, so a
 * single refusal in between is none.
 */
const AWAY_AFTER_MS = 6_000
const LOOK_EVERY_MS = 1_000
/** The file on disk is told so often that what it has is still true, ms. */
const CONFIRM_EVERY_MS = 30_000

/** How much what we know of the registry is worth. */
export interface StandingReport {
  /** Since its last answer that made sense, ms; of what is served from disk since it was true; null: never. */
  readonly ageMs: number | null
  readonly lastError: string | null
  /** It does not answer: instances and config stay as they were `ageMs` ago, our own probes go on. */
  readonly stale: boolean
  /** Something serves from disk, since the registry has not told it to this process yet. */
  readonly fromDisk: boolean
}

export interface StandingOptions {
  readonly contact: () => RegistryContact
  /** Null: nothing is kept on disk. */
  readonly lastGood: LastGood | null
  readonly clock: Clock
  readonly logger: Logger
  /** Called when that changes, with the monotonic ms since when what we know is old; null: it is not. */
  readonly onStale: (staleSince: number | null) => void
}

/** Watches whether the registry answers, and tells when it goes and when it is back. Started once, closed by the caller. */
export class RegistryStanding {
  readonly #options: StandingOptions
  #timer: Timer | null = null
  #staleSince: number | null = null
  #confirmedSince: number

  constructor(options: StandingOptions) {
    this.#options = options
    this.#confirmedSince = options.clock.monotonic()
  }

  start(): this {
    this.#timer = this.#options.clock.after(LOOK_EVERY_MS, () => {
      this.#look()
      this.start()
    })
    return this
  }

  report(): StandingReport {
    const { contact, lastGood, clock } = this.#options
    const { freshSince, lastError } = contact()
    const age = this.#trueSince(freshSince)
    return {
      ageMs: age === null ? null : Math.max(0, Math.round(clock.monotonic() - age)),
      lastError: lastError?.message ?? null,
      stale: this.#isStale(),
      fromDisk: (lastGood?.recalled ?? 0) > 0,
    }
  }

  close(): void {
    this.#timer?.cancel()
  }

  #look(): void {
    const { contact, lastGood, clock } = this.#options
    const now = clock.monotonic()
    if (this.#isStale()) return this.#turn(this.#trueSince(contact().freshSince) ?? now)
    this.#turn(null)
    if (now - this.#confirmedSince < CONFIRM_EVERY_MS) return
    this.#confirmedSince = now
    lastGood?.confirm()
  }

  #turn(staleSince: number | null): void {
    const before = this.#staleSince
    if ((before === null) === (staleSince === null)) return
    this.#staleSince = staleSince
    const { clock, logger, contact, onStale } = this.#options
    const ageMs = Math.round(clock.monotonic() - (staleSince ?? before ?? 0))
    const age = formatDurationMs(Math.round(ageMs / 1000) * 1000)
    if (staleSince === null) logger.info({ event: 'registry.back', awayMs: ageMs }, `the registry answers again, after ${age}`)
    else {
      const message = `the registry has not answered for ${age}: instances and config stay as they were, our own probes go on`
      logger.warn({ event: 'registry.away', ageMs, error: contact().lastError?.message ?? null }, message)
    }
    onStale(staleSince)
  }

  #isStale(): boolean {
    const { contact, lastGood, clock } = this.#options
    const { freshSince, lastError } = contact()
    if (freshSince === null) return (lastGood?.recalled ?? 0) > 0
    return lastError !== null && clock.monotonic() - freshSince > AWAY_AFTER_MS
  }

  /** Monotonic ms of the moment at which what we know was true; null: we know nothing. */
  #trueSince(freshSince: number | null): number | null {
    const { lastGood, clock } = this.#options
    if (freshSince !== null) return freshSince
    if (!lastGood || lastGood.recalled === 0 || lastGood.confirmedAt === null) return null
    return clock.monotonic() - Math.max(0, clock.now() - lastGood.confirmedAt)
  }
}
