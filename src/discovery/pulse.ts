import { pause, type Clock, type Random, type Timer } from '../clock.ts'
import type { Logger } from '../logging.ts'
import type { HeldKeys } from '../registry/held-keys.ts'
import { Refusals } from '../registry/refusals.ts'
import type { KvEntry, Registry } from '../registry/registry.ts'
import { readBeat, type Beat } from './beat.ts'

/** A replica of which so many of its beats have not been seen is taken for dead. */
const MISSED_BEATS = 2.5
/** A registry that fails is not asked more often, ms. */
const RETRY_MS = 1_000
const SHORTEST_BEAT_MS = 250
const LONGEST_BEAT_MS = 5_000

export interface PulseDeps {
  readonly registry: Pick<Registry, 'kv'>
  /** Of our keys in KV. */
  readonly prefix: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

interface Self {
  readonly name: string
  readonly keys: HeldKeys
}

/** What somebody wants of the pulse. */
export interface PulseWish {
  /** From one beat to the next at the most, ms; 250 ms to 5 s are kept. */
  readonly everyMs: number
  /** What each of our beats is to tell the others, asked for just before it. */
  readonly content?: () => unknown
}

/**
 * How the replicas of a fleet know of each other within a few beats, where a session takes 10 to 20 s to end: each writes its key
 * `<prefix>/pulse/<replica>` anew and reads those of the others. While nobody wishes it there is none. Closed by the caller.
 */
export class Pulse {
  readonly #deps: PulseDeps
  readonly #wishes = new Map<string, PulseWish>()
  readonly #followers = new Set<() => void>()
  readonly #closing = new AbortController()
  #self: Self | null = null
  #running: Promise<void> | null = null
  #wake = new AbortController()
  #count: number
  /** By replica: its last beat, and the monotonic ms at which we saw that it is another one. */
  #seen: ReadonlyMap<string, { readonly beat: Beat; readonly since: number }> = new Map()
  #living: readonly Beat[] = []
  #readings = 0
  #provenUntil = -Infinity
  #expiry: Timer | null = null
  readonly #refusals: Refusals

  constructor(deps: PulseDeps) {
    this.#deps = deps
    const text =
      'the other replicas cannot be told that this one lives, so nothing is shared with them (health.shared, rateLimit with scope: cluster)'
    this.#refusals = new Refusals({ ...deps, event: 'pulse.failed', text })
    // A process that takes the place of one of the same name is not to go on where that ended.
    this.#count = Math.floor(deps.random() * 2 ** 40)
  }

  /** Under which name this replica is known, and the keys that it holds; null: it has no name yet. */
  get self(): Self | null {
    return this.#self
  }

  /** Monotonic ms until which the others take us for alive, and we know of them; in the past: we are on our own. */
  get provenUntil(): number {
    return this.#provenUntil
  }

  get isProven(): boolean {
    return this.#deps.clock.monotonic() < this.#provenUntil
  }

  /** The last beats of all replicas that live and take part, our own included, by name. What was known last while we are on our own. */
  get living(): readonly Beat[] {
    return this.#living
  }

  /** How often the beats of the others have been read, each time after ours had been written. */
  get readings(): number {
    return this.#readings
  }

  /** From one of our beats to the next, ms. */
  get everyMs(): number {
    const wanted = Math.min(...[...this.#wishes.values()].map(({ everyMs }) => everyMs))
    return Math.min(Math.max(wanted, SHORTEST_BEAT_MS), LONGEST_BEAT_MS)
  }

  /** Calls `run` after each beat, also one that failed, and when we are on our own; the function that is returned ends that. */
  follow(run: () => void): () => void {
    this.#followers.add(run)
    return () => void this.#followers.delete(run)
  }

  /** This replica has a name now. */
  knowAs(name: string, keys: HeldKeys): void {
    this.#self = { name, keys }
    this.#start()
  }

  /** Replaces the wish of a subject; null: it has none any more. */
  wish(subject: string, wish: PulseWish | null): void {
    const before = this.#wishes.size > 0 ? this.everyMs : Infinity
    if (wish) this.#wishes.set(subject, wish)
    else this.#wishes.delete(subject)
    this.#start()
    if (this.#wishes.size > 0 && this.everyMs < before) this.#wake.abort()
  }

  /** Ends beating; our key goes with the keys that hold it. Never throws. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#wake.abort()
    this.#expiry?.cancel()
    await this.#running
  }

  #start(): void {
    if (this.#self === null || this.#running || this.#wishes.size === 0 || this.#closing.signal.aborted) return
    this.#running = this.#run(this.#self).finally(() => {
      this.#running = null
      // Somebody may have wished for it while it ended.
      this.#start()
    })
  }

  async #run({ name, keys }: Self): Promise<void> {
    const { clock, random } = this.#deps
    while (!this.#closing.signal.aborted && this.#wishes.size > 0) {
      this.#wake = new AbortController()
      const startedSince = clock.monotonic()
      const everyMs = this.everyMs
      const isDone = await this.#beat(name, keys, everyMs)
      for (const run of this.#followers) run()
      const waitMs = (isDone ? everyMs : Math.max(everyMs, RETRY_MS)) * (0.9 + 0.1 * random())
      await pause(clock, waitMs - (clock.monotonic() - startedSince), this.#wake.signal)
    }
    if (!this.#closing.signal.aborted) await this.#deps.registry.kv.delete(this.#keyOf(name)).catch(() => false)
  }

  async #beat(name: string, keys: HeldKeys, everyMs: number): Promise<boolean> {
    const { registry, clock, prefix } = this.#deps
    const sentSince = clock.monotonic()
    const contents = [...this.#wishes].flatMap(([subject, { content }]) => (content ? [[subject, content()] as const] : []))
    const beat: Beat = { replica: name, count: ++this.#count, everyMs, contents: Object.fromEntries(contents) }
    try {
      await keys.put(this.#keyOf(name), JSON.stringify(beat))
      // After our own: of two that write at once, one sees what the other has written.
      this.#take(await registry.kv.list(`${prefix}/pulse/`), beat)
      this.#provenUntil = sentSince + MISSED_BEATS * everyMs
      this.#tellWhenUnproven()
      this.#refusals.clear()
      return true
    } catch (error) {
      this.#refusals.note(error)
      return false
    }
  }

  #tellWhenUnproven(): void {
    const { clock } = this.#deps
    this.#expiry?.cancel()
    this.#expiry = clock.after(this.#provenUntil - clock.monotonic(), () => {
      if (!this.isProven) for (const run of this.#followers) run()
    })
  }

  #keyOf(name: string): string {
    return `${this.#deps.prefix}/pulse/${name}`
  }

  #take(entries: readonly KvEntry[], own: Beat): void {
    const now = this.#deps.clock.monotonic()
    const beats = entries.flatMap((entry) => readBeat(entry) ?? []).filter(({ replica }) => replica !== own.replica)
    this.#seen = new Map(
      [...beats, own].map((beat) => {
        const before = this.#seen.get(beat.replica)
        return [beat.replica, before && before.beat.count === beat.count ? before : { beat, since: now }]
      }),
    )
    this.#living = [...this.#seen.values()]
      .filter(({ beat, since }) => now - since < MISSED_BEATS * beat.everyMs)
      .map(({ beat }) => beat)
      .toSorted((a, b) => (a.replica < b.replica ? -1 : 1))
    this.#readings++
  }
}
