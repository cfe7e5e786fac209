import { fullJitterMs } from '../backoff.ts'
import { pause, type Clock, type Random, type Timer } from '../clock.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { KvEntry, Registry, Session, Watch } from './registry.ts'
import { leaderOf, leaderText, type LeaderView } from './leader-record.ts'

/** Consul's smallest TTL; the registry may take twice as long to end a silent session. */
const SESSION_TTL_MS = 10_000
/** After a leader that ended without releasing, nobody gets the lock for so long: its last work has this time to notice. */
const LOCK_DELAY_MS = 2_000
/** A holder counts itself out so long before its session could end. */
const SAFETY_MARGIN_MS = 1_000
/** How often `shouldYield` is asked. */
const LOOK_EVERY_MS = 1_000
const ERROR_BACKOFF = { baseMs: 500, maxMs: 5_000 }

/** A term in which the candidate holds the lock. */
export interface Leadership {
  /** The lock's LockIndex: greater in each later term. The fencing token. */
  readonly term: bigint
  /** Aborts when the term has ended or can no longer be proven to last. */
  readonly lost: AbortSignal
  /** Monotonic ms until which the lock is surely ours; moves on with each renewal of the session. */
  readonly heldUntil: number
}

export interface Election {
  /** Our own term, if it surely lasts now. */
  readonly current: Leadership | null
  /** Who holds the lock, as far as the registry has told. */
  readonly leader: LeaderView | null
  /** Releases the lock and ends the session; never throws. */
  close(): Promise<void>
}

export interface ElectionOptions {
  readonly registry: Registry
  /** The lock. */
  readonly key: string
  /** Of the candidate, for people. */
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** While true, the candidate gives the lock back and does not run for it (docs/decisions/0002); absent: never. */
  readonly shouldYield?: () => boolean
  /** Called after each change of `current`. */
  readonly onChange?: (leadership: Leadership | null) => void
}

/** Starts to run for a lock (Consul: sessions and locks), again after each loss, until it is closed by the caller. */
export function startElection(options: ElectionOptions): Election {
  return new Candidate(options).start()
}

class Candidate implements Election {
  readonly #options: ElectionOptions
  readonly #key: string
  readonly #closing = new AbortController()
  readonly #watch: Watch
  #session: Session | null = null
  #held: { readonly leadership: Leadership; readonly end: AbortController; expiry: Timer } | null = null
  /** The lock's entry as last seen; undefined: not seen yet. */
  #seen: KvEntry | null | undefined
  /** The watch shows another holder than us: to be confirmed by a read, since the watch may tell of a moment before we won. */
  #inDoubt = false
  #failures = 0
  #wake = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(options: ElectionOptions) {
    this.#options = options
    this.#key = options.key
    this.#watch = options.registry.watchPrefix(this.#key, {
      onValue: (entries) => this.#hear(entries.find(({ key }) => key === this.#key) ?? null),
      // The last holder stays known; our own term is guarded by the session, not by the watch.
      onError: () => {},
    })
  }

  get current(): Leadership | null {
    if (!this.#held || this.#options.clock.monotonic() >= this.#held.leadership.heldUntil) return null
    return this.#held.leadership
  }

  get leader(): LeaderView | null {
    return this.#seen ? leaderOf(this.#seen) : null
  }

  start(): this {
    this.#running = this.#run()
    return this
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#running
    this.#closing.abort()
    this.#watch.close()
    this.#rouse()
    await this.#running
    await this.#leave('the candidate stops')
  }

  async #run(): Promise<void> {
    const { clock } = this.#options
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      const delayMs = await this.#step()
      if (!this.#closing.signal.aborted) await pause(clock, delayMs, this.#wake.signal)
    }
  }

  #rouse(): void {
    this.#wake.abort()
  }

  /** Does what can be done now; gives the ms until it should be looked at again, at the latest. */
  async #step(): Promise<number> {
    const { random, shouldYield } = this.#options
    try {
      if (shouldYield?.()) {
        await this.#leave('a gateway that does not host the registry is there to lead')
        return LOOK_EVERY_MS
      }
      const delayMs = await this.#stand()
      this.#failures = 0
      return delayMs
    } catch (error) {
      this.#complain(error)
      return fullJitterMs(this.#failures++, random, ERROR_BACKOFF)
    }
  }

  async #stand(): Promise<number> {
    if (this.#inDoubt) {
      this.#see(await this.#options.registry.kv.get(this.#key))
      this.#inDoubt = false
    }
    if (this.#held) return LOOK_EVERY_MS
    const session = this.#session ?? (await this.#openSession())
    // The watch wakes us when the holder is gone.
    if (this.#seen?.session && this.#seen.session !== session.id) return LOOK_EVERY_MS
    const { registry, name, random } = this.#options
    const won = await registry.kv.put(this.#key, leaderText(name), { acquire: session.id })
    const entry = await registry.kv.get(this.#key)
    // A closing candidate lets go of it in close(), and a lost session has none.
    if (this.#closing.signal.aborted || this.#session !== session) return 0
    this.#see(entry)
    if (!won && !entry?.session) return LOCK_DELAY_MS * (0.25 + 0.25 * random())
    return LOOK_EVERY_MS
  }

  async #openSession(): Promise<Session> {
    const { registry, name } = this.#options
    const session = await registry.openSession({
      name: `meshgate ${this.#key} ${name}`,
      ttlMs: SESSION_TTL_MS,
      lockDelayMs: LOCK_DELAY_MS,
      behavior: 'release',
    })
    this.#session = session
    session.lost.addEventListener('abort', () => this.#sessionEnded(session, messageOf(session.lost.reason)), { once: true })
    return session
  }

  #hear(entry: KvEntry | null): void {
    if (this.#held && entry?.session !== this.#session?.id) this.#inDoubt = true
    else this.#see(entry)
    this.#rouse()
  }

  /** What the registry says of the lock decides whether it is ours, also after a write whose answer was lost. */
  #see(entry: KvEntry | null): void {
    this.#seen = entry
    const session = this.#session
    const isOurs = session !== null && entry?.session === session.id
    if (isOurs && !this.#held) this.#begin(session, entry.lockIndex)
    // The session may be what has ended: the next try goes with a new one.
    if (!isOurs && this.#held && session) this.#sessionEnded(session, 'the registry shows another holder or none')
  }

  #begin(session: Session, term: bigint): void {
    const end = new AbortController()
    const leadership: Leadership = {
      term,
      lost: end.signal,
      get heldUntil() {
        return session.aliveUntil - SAFETY_MARGIN_MS
      },
    }
    if (leadership.heldUntil <= this.#options.clock.monotonic()) return
    this.#held = { leadership, end, expiry: this.#watchExpiry(session, leadership) }
    this.#options.logger.info(
      { event: 'election.won', term: String(term) },
      `${this.#options.name} holds ${this.#key}, term ${term}`,
    )
    this.#options.onChange?.(leadership)
  }

  #watchExpiry(session: Session, leadership: Leadership): Timer {
    const { clock } = this.#options
    return clock.after(leadership.heldUntil - clock.monotonic(), () => {
      if (this.#held?.leadership !== leadership) return
      if (clock.monotonic() >= leadership.heldUntil)
        return this.#sessionEnded(session, 'the session could not be renewed in time')
      this.#held.expiry = this.#watchExpiry(session, leadership)
    })
  }

  #sessionEnded(session: Session, why: string): void {
    if (this.#session !== session) return
    this.#session = null
    this.#end(why)
    // It may live on at the registry: ending it frees the lock after the lock-delay instead of after the TTL.
    void session.close()
    this.#rouse()
  }

  #end(why: string): void {
    if (!this.#held) return
    const { leadership, end, expiry } = this.#held
    this.#held = null
    expiry.cancel()
    end.abort(new GatewayError('session_lost', `term ${leadership.term} has ended: ${why}`))
    this.#options.logger.warn(
      { event: 'election.lost', term: String(leadership.term), why },
      `${this.#options.name} no longer holds ${this.#key}: ${why}`,
    )
    this.#options.onChange?.(null)
  }

  /** Gives the lock back (an explicit release, hence no lock-delay) and ends the session. */
  async #leave(why: string): Promise<void> {
    const { registry, name } = this.#options
    const session = this.#session
    if (!session) return
    this.#session = null
    this.#end(why)
    // Also when we do not know that we hold it: the answer of our last try may have been lost. If the release fails, the end of the
    // session frees the lock after the lock-delay.
    await registry.kv.put(this.#key, leaderText(name), { release: session.id }).catch(() => false)
    await session.close()
  }

  #complain(error: unknown): void {
    if (this.#failures > 0) return
    this.#options.logger.warn(
      { event: 'election.error', error: messageOf(error) },
      `cannot run for ${this.#key} now; trying again`,
    )
  }
}
