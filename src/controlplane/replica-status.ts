import { isDeepStrictEqual } from 'node:util'
import { fullJitterMs } from '../backoff.ts'
import { pause, type Clock, type Random } from '../clock.ts'
import type { Logger } from '../logging.ts'
import type { HeldKeys } from '../registry/held-keys.ts'
import { Refusals } from '../registry/refusals.ts'
import type { KvEntry, Registry } from '../registry/registry.ts'

/** How often it is looked whether what was written is still there, ms. */
const LOOK_EVERY_MS = 10_000
/** Changes that follow each other more closely are written together, ms. */
const GATHER_MS = 50
/** A gateway that is being replaced by one of its name writes for a while: a name is taken if it is found so as often as this. */
const TAKEN_LOOKS = 2
const ERROR_BACKOFF = { baseMs: 500, maxMs: 5_000 }

/** What one replica of the gateway tells the others: one document in KV, one section per subject. */
export interface ReplicaReport {
  readonly replica: string
  /** When it was written, ISO 8601. */
  readonly at: string
  readonly sections: Readonly<Record<string, unknown>>
}

export interface ReplicaStatusDeps {
  readonly keys: HeldKeys
  /** Of our keys in KV. */
  readonly prefix: string
  /** Of this replica among the others. */
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** The folder of the documents. */
export function statusFolder(prefix: string): string {
  return `${prefix}/status/`
}

/** Reads the document of a replica; null: it is none, or of one that has ended. */
export function readReplicaReport({ value, session }: KvEntry): ReplicaReport | null {
  if (session === null) return null
  try {
    const { replica, at, sections } = JSON.parse(value.toString('utf8')) as Partial<ReplicaReport>
    if (typeof replica !== 'string' || typeof at !== 'string' || typeof sections !== 'object' || sections === null) return null
    return { replica, at, sections }
  } catch {
    // Somebody else's key in our folder.
    return null
  }
}

/** The documents of all living replicas. Throws `registry_…`. */
export async function livingReplicas({ kv }: Pick<Registry, 'kv'>, prefix: string): Promise<readonly ReplicaReport[]> {
  return (await kv.list(statusFolder(prefix))).flatMap((entry) => readReplicaReport(entry) ?? [])
}

/**
 * Keeps the document `<prefix>/status/<replica>` true. It is held by a session and deleted with it, so that whoever reads the folder sees
 * living replicas only. While the registry is away nothing is written; after that, what is true then. Started once, closed by the caller.
 */
export class ReplicaStatus {
  readonly #deps: ReplicaStatusDeps
  readonly #key: string
  readonly #closing = new AbortController()
  #sections: Readonly<Record<string, unknown>> = {}
  #written: unknown = null
  /** How often what was written was lost. */
  #losses = 0
  /** How often another process was found to have written in our place. */
  #taken = 0
  #unfollow: () => void = () => {}
  #wake = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #failures = 0
  readonly #refusals: Refusals

  constructor(deps: ReplicaStatusDeps) {
    this.#deps = deps
    this.#key = `${statusFolder(deps.prefix)}${deps.name}`
    const text = 'the status of this replica cannot be written, so drains and rollouts do not wait for it'
    this.#refusals = new Refusals({ ...deps, event: 'replica.untold', text })
  }

  start(): this {
    this.#unfollow = this.#deps.keys.followLoss(() => {
      this.#losses++
      this.#written = null
      this.#wake.abort()
    })
    this.#running = this.#run()
    return this
  }

  /** Replaces what one section tells; it is written soon. */
  set(section: string, value: unknown): void {
    if (isDeepStrictEqual(this.#sections[section], value)) return
    this.#sections = { ...this.#sections, [section]: value }
    this.#wake.abort()
  }

  /** Ends writing; the document goes with the keys that hold it. Never throws. */
  async close(): Promise<void> {
    this.#unfollow()
    this.#closing.abort()
    this.#wake.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      const delayMs = await this.#write()
      if (!this.#closing.signal.aborted) await pause(clock, delayMs, this.#wake.signal)
      if (!this.#closing.signal.aborted) await pause(clock, GATHER_MS, this.#closing.signal)
    }
  }

  /** Tells after how many ms to look again, if nothing happens before. */
  async #write(): Promise<number> {
    try {
      const isTold = isDeepStrictEqual(this.#written, this.#sections)
      if (!isTold || !(await this.#isThere())) await this.#put()
      this.#failures = 0
      this.#refusals.clear()
      return LOOK_EVERY_MS
    } catch (error) {
      this.#failures++
      this.#refusals.note(error)
      return fullJitterMs(this.#failures, this.#deps.random, ERROR_BACKOFF)
    }
  }

  /** Anybody can take it out, and who has our name writes in its place. */
  async #isThere(): Promise<boolean> {
    const { keys, name, logger } = this.#deps
    const holder = await keys.holderOf(this.#key)
    if (holder === 'another' && ++this.#taken === TAKEN_LOOKS)
      logger.error(
        { event: 'replica.name_taken', name },
        `another gateway is known as ${name} too, so the two are taken for one: give each machine a host name of its own, or the listener another port`,
      )
    return holder === 'we'
  }

  async #put(): Promise<void> {
    const { keys, name, clock } = this.#deps
    const [sections, losses] = [this.#sections, this.#losses]
    const report: ReplicaReport = { replica: name, at: new Date(clock.now()).toISOString(), sections }
    await keys.put(this.#key, JSON.stringify(report))
    if (losses === this.#losses) this.#written = sections
  }
}
