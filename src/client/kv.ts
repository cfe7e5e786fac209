import type { Kv, KvEntry, Registry } from '../registry/registry.ts'
import { Latest } from './latest.ts'
import type { Places } from './places.ts'

export interface MeshKvDeps {
  readonly kv: Kv
  readonly watches: Pick<Registry, 'watchPrefix'>
  readonly places: Places
  /** Throws `mesh_closed` when the mesh is. */
  readonly open: () => unknown
}

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal
}

/** The registry's KV store. A read or write that fails throws its code (`registry_…`); a watch goes on by itself. */
export class MeshKv {
  readonly #deps: MeshKvDeps
  readonly #open = new Set<{ end(): void }>()

  constructor(deps: MeshKvDeps) {
    this.#deps = deps
  }

  /** The entry of a key; null: there is none. */
  get(key: string): Promise<KvEntry | null> {
    return this.#deps.kv.get(key)
  }

  /** The entries below a prefix. */
  list(prefix: string): Promise<readonly KvEntry[]> {
    return this.#deps.kv.list(prefix)
  }

  /** The keys below a prefix. */
  keys(prefix: string): Promise<readonly string[]> {
    return this.#deps.kv.keys(prefix)
  }

  async put(key: string, value: string | Uint8Array): Promise<void> {
    await this.#deps.kv.put(key, value)
  }

  /** Writes only if the entry's `modifyIndex` still is `index`; 0n: only if there is none. False: somebody was faster. */
  cas(key: string, value: string | Uint8Array, index: bigint): Promise<boolean> {
    return this.#deps.kv.put(key, value, { cas: index })
  }

  /** Deletes a key, with `index` only if its `modifyIndex` still is that. False: it is another. */
  delete(key: string, index?: bigint): Promise<boolean> {
    return this.#deps.kv.delete(key, index === undefined ? {} : { cas: index })
  }

  /**
   * The entry of a key now (null: there is none) and after each change. While the registry is away nothing comes, and afterwards what it then
   * says. A slow reader gets the latest only. Ends with its reader, its signal or the mesh. Throws `too_many_watches`,
   * `mesh_closed`.
   */
  watch(key: string, options: WatchOptions = {}): AsyncIterableIterator<KvEntry | null> {
    const entryOf = (entries: readonly KvEntry[]): KvEntry | null => entries.find((entry) => entry.key === key) ?? null
    return this.#follow(key, { read: entryOf, isSame: isSameEntry }, options)
  }

  /** Like {@link watch}, for all entries below a prefix. */
  watchPrefix(prefix: string, options: WatchOptions = {}): AsyncIterableIterator<readonly KvEntry[]> {
    return this.#follow(prefix, { read: (entries: readonly KvEntry[]) => entries, isSame: () => false }, options)
  }

  /** Ends all watches. */
  close(): void {
    for (const latest of this.#open) latest.end()
  }

  #follow<T>(prefix: string, { read, isSame }: Reading<T>, { signal }: WatchOptions): Latest<T> {
    this.#deps.open()
    const giveBack = this.#deps.places.take()
    let told: { readonly value: T } | null = null
    const latest = new Latest<T>(() => {
      watch.close()
      giveBack()
      signal?.removeEventListener('abort', end)
      this.#open.delete(latest)
    })
    const end = (): void => latest.end()
    const watch = this.#deps.watches.watchPrefix(prefix, {
      onValue: (entries) => {
        const value = read(entries)
        if (told && isSame(told.value, value)) return
        told = { value }
        latest.set(value)
      },
      // What was told stays valid; the watch goes on by itself.
      onError: () => {},
    })
    this.#open.add(latest)
    signal?.addEventListener('abort', end, { once: true })
    if (signal?.aborted) end()
    return latest
  }
}

interface Reading<T> {
  readonly read: (entries: readonly KvEntry[]) => T
  readonly isSame: (before: T, now: T) => boolean
}

/** A prefix has neighbours: a change of `a1` is none of `a`. */
function isSameEntry(before: KvEntry | null, now: KvEntry | null): boolean {
  return before?.modifyIndex === now?.modifyIndex
}
