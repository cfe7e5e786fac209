import type { Clock } from '../../src/clock.ts'
import { GatewayError } from '../../src/errors.ts'
import type { KvEntry, Registry, Session, SessionOptions, WatchListener } from '../../src/registry/registry.ts'
import { memoryRegistry } from '../controlplane/memory-registry.ts'

/** How long the way to the registry and back takes, ms. */
const LATENCY_MS = 4

/** The connection of one replica. */
interface Line {
  isCut: boolean
  isDeaf: boolean
  refused: string | null
  freshSince: number
  readonly listeners: Map<WatchListener<readonly KvEntry[]>, string>
}

export interface FleetRegistryView {
  readonly registry: Registry
  readonly cut: (isCut: boolean) => void
  readonly deafen: (isDeaf: boolean) => void
  readonly refuse: (folder: string | null) => void
}

/** KV, sessions and watches of one registry in memory, for several replicas on one clock of a simulation. */
export class FleetRegistry {
  readonly #clock: Clock
  readonly #entries = new Map<string, KvEntry>()
  readonly #lines = new Set<Line>()
  #index = 0n
  #sessions = 0
  readonly #ends = new Map<string, () => void>()
  /** How often it was asked. */
  requests = 0
  #isAway = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isAway(): boolean {
    return this.#isAway
  }

  /** When it is back, its watches tell what has become. */
  set isAway(isAway: boolean) {
    this.#isAway = isAway
    if (!isAway) this.#tellBelow(null)
  }

  /**
   * The registry as one replica sees it. `cut` takes its connection away, and gives it back; `deafen` has its watches fail; `refuse` has its
   * writes below a folder fail, null: none.
   */
  open(): FleetRegistryView {
    const line: Line = { isCut: false, isDeaf: false, refused: null, freshSince: 0, listeners: new Map() }
    this.#lines.add(line)
    const ask = <T>(work: () => T): Promise<T> => this.#ask(line, work)
    const registry = memoryRegistry({
      kv: {
        get: (key) => ask(() => this.#entries.get(key) ?? null),
        list: (prefix) => ask(() => this.#below(prefix)),
        keys: (prefix) => ask(() => this.#below(prefix).map(({ key }) => key)),
        put: (key, value, options = {}) => {
          const isRefused = line.refused !== null && key.startsWith(line.refused)
          if (isRefused) return Promise.reject(new GatewayError('registry_refused', `${key} is refused`))
          return ask(() => this.#put(key, Buffer.from(value as string), options))
        },
        delete: (key) => ask(() => this.#delete([key])),
      },
      openSession: (options) => ask(() => this.#openSession(options, line)),
      watchPrefix: (prefix, listener) => {
        line.listeners.set(listener, prefix)
        this.#tell(line, listener)
        return {
          get freshSince() {
            return line.freshSince
          },
          close: () => void line.listeners.delete(listener),
        }
      },
    })
    const cut = (isCut: boolean): void => {
      line.isCut = isCut
      if (!isCut) for (const listener of line.listeners.keys()) this.#tell(line, listener)
    }
    const deafen = (isDeaf: boolean): void => {
      line.isDeaf = isDeaf
      for (const listener of line.listeners.keys()) {
        if (isDeaf) listener.onError(new GatewayError('registry_unavailable', 'the watch has failed'))
        else this.#tell(line, listener)
      }
    }
    return { registry, cut, deafen, refuse: (folder) => void (line.refused = folder) }
  }

  /** Forgets everything, as one that lost its data. */
  wipe(): void {
    this.#delete([...this.#entries.keys()])
  }

  /** Ends the session that holds a key, as an operator does. */
  expire(key: string): void {
    this.#ends.get(this.#entries.get(key)?.session ?? '')?.()
  }

  /** What stands below a folder, as text. */
  texts(prefix: string): ReadonlyMap<string, string> {
    return new Map(this.#below(prefix).map(({ key, value }) => [key, value.toString('utf8')]))
  }

  #ask<T>(line: Line, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#clock.after(LATENCY_MS, () => {
        if (line.isCut || this.isAway) return reject(new GatewayError('registry_unavailable', 'cut off'))
        this.requests++
        resolve(work())
      })
    })
  }

  #below(prefix: string): readonly KvEntry[] {
    return [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix))
  }

  #put(
    key: string,
    value: Buffer,
    { acquire = null, release, cas }: { acquire?: string | null; release?: string; cas?: bigint },
  ): boolean {
    const before = this.#entries.get(key)
    if (acquire !== null && before?.session && before.session !== acquire) return false
    if (release !== undefined && before?.session !== release) return false
    if (cas !== undefined && cas !== (before?.modifyIndex ?? 0n)) return false
    this.#index++
    const createIndex = before?.createIndex ?? this.#index
    const session = release === undefined ? (acquire ?? before?.session ?? null) : null
    const lockIndex = (before?.lockIndex ?? 0n) + (acquire !== null && before?.session !== acquire ? 1n : 0n)
    this.#entries.set(key, { key, value, flags: 0n, session, lockIndex, createIndex, modifyIndex: this.#index })
    this.#tellBelow([key])
    return true
  }

  #delete(keys: readonly string[]): boolean {
    for (const key of keys) this.#entries.delete(key)
    this.#tellBelow(keys)
    return true
  }

  #openSession({ ttlMs, behavior }: SessionOptions, line: Line): Session {
    const id = `s${++this.#sessions}`
    const lost = new AbortController()
    let aliveUntil = this.#clock.monotonic() + ttlMs
    let isOpen = true
    let hasLeft = false
    const end = (): void => {
      isOpen = false
      this.#ends.delete(id)
      const held = [...this.#entries.values()].filter(({ session }) => session === id)
      if (behavior === 'delete') return void this.#delete(held.map(({ key }) => key))
      for (const { key, value } of held) this.#put(key, value, { release: id })
    }
    this.#ends.set(id, end)
    const renew = (): void => {
      if (!isOpen && !hasLeft) return lost.abort(new Error('the registry does not know the session'))
      if (!isOpen) return
      if (!line.isCut && !this.isAway) aliveUntil = this.#clock.monotonic() + ttlMs
      if (this.#clock.monotonic() >= aliveUntil) {
        end()
        return lost.abort()
      }
      this.#clock.after(ttlMs / 3, renew)
    }
    this.#clock.after(ttlMs / 3, renew)
    return {
      id,
      get aliveUntil() {
        return aliveUntil
      },
      lost: lost.signal,
      close: async () => {
        hasLeft = true
        if (isOpen) end()
      },
    }
  }

  /** `null`: all. */
  #tellBelow(keys: readonly string[] | null): void {
    for (const line of this.#lines)
      for (const [listener, prefix] of line.listeners)
        if (!keys || keys.some((key) => key.startsWith(prefix))) this.#tell(line, listener)
  }

  #tell(line: Line, listener: WatchListener<readonly KvEntry[]>): void {
    this.#clock.after(LATENCY_MS, () => {
      const prefix = line.listeners.get(listener)
      if (prefix === undefined || line.isCut || line.isDeaf || this.isAway) return
      line.freshSince = this.#clock.monotonic()
      listener.onValue(this.#below(prefix))
    })
  }
}
