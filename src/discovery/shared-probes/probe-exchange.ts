import { isDeepStrictEqual } from 'node:util'
import type { Clock, Timer } from '../../clock.ts'
import type { Logger } from '../../logging.ts'
import { Refusals } from '../../registry/refusals.ts'
import type { KvEntry, Registry, Watch } from '../../registry/registry.ts'
import type { Pulse } from '../pulse.ts'
import { findingsText, readFindings, type Finding, type Findings } from './finding.ts'

/** A registry that has not told by then who else probes is not waited for any longer, ms. */
const LONGEST_WAIT_MS = 500
/** Findings that follow each other more closely are told together, ms. */
const GATHER_MS = 20
const RETRY_MS = 1_000
/** A replica that cannot read what the others find goes on alone after so many beats. */
const DEAF_BEATS = 2.5
/** A dead replica is to be missed early enough for another one to probe within two intervals. */
const BEATS_PER_INTERVAL = 2

/** One instance whose probes are shared. */
export interface SharedInstance {
  /** Its upstream, and how that is probed: replicas stand in for each other if they ask alike. */
  readonly group: string
  /** Its name among all that are probed. */
  readonly subject: string
  /** From one probe to the next, ms. */
  readonly everyMs: number
  /** Called when something is told that may concern it. */
  consider(): void
}

export interface ExchangeDeps {
  readonly registry: Pick<Registry, 'watchPrefix'>
  readonly pulse: Pulse
  readonly prefix: string
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Tells the other replicas what this one has found by probing, in one document `<prefix>/probes/<replica>`, and hears what they have
 * found. There is no traffic while no instance takes part. Closed by the caller.
 */
export class ProbeExchange {
  readonly #deps: ExchangeDeps
  /** By subject. */
  readonly #instances = new Map<string, SharedInstance>()
  readonly #own = new Map<string, Finding>()
  #documents: ReadonlyMap<string, { readonly index: bigint; readonly findings: Findings }> = new Map()
  /** The living replicas that share the probes of a group. */
  #observing: ReadonlyMap<string, readonly string[]> = new Map()
  #watch: Watch | null = null
  #isHeard = false
  /** Monotonic ms of the first failure to read since the last success; null: there was none. */
  #failedSince: number | null = null
  /** Whether the others can know what we have found. */
  #isTold = true
  #hasWaited = false
  #toldState: ProbeExchange['state'] = 'waiting'
  #wait: Timer | null = null
  #isGathering = false
  #isWriting = false
  readonly #refusals: Refusals
  #isClosed = false
  #unfollow: readonly (() => void)[] = []
  #isRefreshing = false

  constructor(deps: ExchangeDeps) {
    this.#deps = deps
    const text = 'the other replicas cannot be told what was probed, so this one probes for itself alone'
    this.#refusals = new Refusals({ ...deps, event: 'probes.untold', text })
  }

  /** `alone`: the registry is away, or refuses us; `waiting`: it is not known yet. */
  get state(): 'waiting' | 'alone' | 'together' {
    if (this.#isHeard && this.#deps.pulse.isProven && !this.#isDeaf) return 'together'
    return this.#hasWaited ? 'alone' : 'waiting'
  }

  /** The others' findings have not been read for some beats, though they are heard to live. */
  get #isDeaf(): boolean {
    const { pulse, clock } = this.#deps
    if (this.#failedSince === null || (this.#watch?.freshSince ?? -Infinity) > this.#failedSince) return false
    return clock.monotonic() - this.#failedSince > DEAF_BEATS * pulse.everyMs
  }

  /** This replica; empty: it has no name yet. */
  get name(): string {
    return this.#deps.pulse.self?.name ?? ''
  }

  /** The living replicas that share the probes of a group, this one included; another list when they are others. */
  observing(group: string): readonly string[] {
    return this.#observing.get(group) ?? [this.name]
  }

  /** What the other living replicas that share an instance's probes have found of it, by replica. */
  wordsOf({ group, subject }: Pick<SharedInstance, 'group' | 'subject'>): ReadonlyMap<string, Finding> {
    const words = new Map<string, Finding>()
    for (const replica of this.observing(group)) {
      const finding = replica === this.name ? undefined : this.#documents.get(replica)?.findings.get(subject)
      if (finding) words.set(replica, finding)
    }
    return words
  }

  /** Replaces what this replica has found of a subject; null: it does not probe it. */
  tell(subject: string, finding: Finding | null): void {
    const before = this.#own.get(subject) ?? null
    // What changes of a healthy instance's detail is of no interest.
    const isSame = finding?.verdict === 'healthy' && before?.verdict === 'healthy' && finding.wavers === before.wavers
    if (isSame || isDeepStrictEqual(before, finding)) return
    if (finding) this.#own.set(subject, finding)
    else this.#own.delete(subject)
    this.#write()
  }

  /** An instance takes part until the function that is returned is called. */
  join(instance: SharedInstance): () => void {
    this.#instances.set(instance.subject, instance)
    this.refresh()
    return () => {
      if (this.#instances.get(instance.subject) === instance) this.#instances.delete(instance.subject)
      this.refresh()
    }
  }

  /** Looks anew how often instances are probed. Of many that come at once, once. */
  refresh(): void {
    if (this.#isRefreshing) return
    this.#isRefreshing = true
    queueMicrotask(() => {
      this.#isRefreshing = false
      this.#follow()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#instances.clear()
    this.#follow()
  }

  #follow(): void {
    const everyMs = Math.min(...[...this.#instances.values()].map((instance) => instance.everyMs))
    const isWanted = this.#instances.size > 0
    this.#deps.pulse.wish('probes', isWanted ? { everyMs: everyMs / BEATS_PER_INTERVAL, content: () => this.#shared() } : null)
    if (isWanted && !this.#watch) this.#start()
    if (!isWanted && this.#watch) this.#stop()
  }

  #start(): void {
    const { registry, pulse, prefix, clock } = this.#deps
    this.#wait = clock.after(LONGEST_WAIT_MS, () => this.#settle())
    this.#watch = registry.watchPrefix(`${prefix}/probes/`, {
      onValue: (entries) => this.#hear(entries),
      // What was heard last stands for some beats, as long as those live who said it.
      onError: () => {
        const isFirst = this.#failedSince === null || (this.#watch?.freshSince ?? -Infinity) > this.#failedSince
        if (isFirst) this.#failedSince = clock.monotonic()
      },
    })
    let unfollowLoss: (() => void) | null = null
    const unfollowPulse = pulse.follow(() => {
      // Before its first beat this replica has no keys that could be lost.
      unfollowLoss ??= pulse.self?.keys.followLoss(() => this.#write()) ?? null
      this.#meet()
    })
    this.#unfollow = [unfollowPulse, () => unfollowLoss?.()]
  }

  #stop(): void {
    this.#watch?.close()
    this.#wait?.cancel()
    for (const unfollow of this.#unfollow) unfollow()
    this.#watch = null
    this.#unfollow = []
    this.#isHeard = false
    this.#failedSince = null
    this.#hasWaited = false
  }

  #settle(): void {
    this.#hasWaited = true
    this.#tellAll()
  }

  #groups(): ReadonlySet<string> {
    return new Set([...this.#instances.values()].map(({ group }) => group))
  }

  /** The groups of which this replica can be an observer: the others hear what it finds, and it hears them. */
  #shared(): readonly string[] {
    return this.#isTold && !this.#isDeaf ? [...this.#groups()] : []
  }

  #meet(): void {
    const { living } = this.#deps.pulse
    const before = this.#observing
    const sharing = new Map(living.map(({ replica, contents }) => [replica, namesIn(contents['probes'])]))
    const others = [...sharing.keys()].filter((replica) => replica !== this.name)
    this.#observing = new Map(
      [...this.#groups()].map((group) => {
        const next = [this.name, ...others.filter((replica) => sharing.get(replica)?.has(group))]
        const known = before.get(group)
        return [group, known && isDeepStrictEqual(known, next) ? known : next]
      }),
    )
    const isSame = before.size === this.#observing.size && [...before].every(([name, list]) => this.#observing.get(name) === list)
    if (!isSame || this.state !== this.#toldState) this.#tellAll()
  }

  #hear(entries: readonly KvEntry[]): void {
    const folder = `${this.#deps.prefix}/probes/`
    const before = this.#documents
    this.#documents = new Map(
      entries
        .filter(({ key, session }) => session !== null && key !== folder + this.name)
        .map(({ key, value, modifyIndex }) => {
          const replica = key.slice(folder.length)
          const known = before.get(replica)
          if (known?.index === modifyIndex) return [replica, known]
          return [replica, { index: modifyIndex, findings: readFindings(value.toString('utf8')) }]
        }),
    )
    this.#isHeard = true
    if (this.state !== this.#toldState) return this.#tellAll()
    const replicas = new Set([...before.keys(), ...this.#documents.keys()])
    const changed = new Set(
      [...replicas].flatMap((name) => changedOf(before.get(name)?.findings, this.#documents.get(name)?.findings)),
    )
    for (const subject of changed) this.#instances.get(subject)?.consider()
  }

  #tellAll(): void {
    const { state } = this
    this.#toldState = state
    if (state === 'together') this.#hasWaited = true
    if (state === 'waiting') return
    for (const instance of this.#instances.values()) instance.consider()
  }

  #write(delayMs = GATHER_MS): void {
    if (this.#isGathering || this.#isClosed) return
    this.#isGathering = true
    this.#deps.clock.after(delayMs, () => {
      this.#isGathering = false
      void this.#put()
    })
  }

  async #put(): Promise<void> {
    if (this.#isClosed) return
    const { pulse, prefix } = this.#deps
    const { self } = pulse
    if (!self || this.#isWriting) return this.#write(RETRY_MS / 10)
    this.#isWriting = true
    try {
      await self.keys.put(`${prefix}/probes/${self.name}`, findingsText(this.#own))
      this.#isTold = true
      this.#refusals.clear()
    } catch (error) {
      // Until it is told, nobody is to take this replica for an observer: the beats leave its part to others.
      this.#isTold = false
      this.#refusals.note(error)
      this.#write(RETRY_MS)
    } finally {
      this.#isWriting = false
    }
  }
}

const none: Findings = new Map()

/** The subjects of which something else is found. */
function changedOf(before = none, after = none): readonly string[] {
  if (before === after) return []
  const subjects = new Set([...before.keys(), ...after.keys()])
  return [...subjects].filter((subject) => !isDeepStrictEqual(before.get(subject), after.get(subject)))
}

/** Anybody can write a beat. */
function namesIn(content: unknown): ReadonlySet<unknown> {
  return new Set(Array.isArray(content) ? content : [])
}
