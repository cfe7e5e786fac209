import type { GatewayError } from '../../errors.ts'
import type { KvEntry, Registry } from '../../registry/registry.ts'

/** The folders of hot config below the KV prefix, and what a key in each holds. */
export const kvFolders = { routes: 'route', upstreams: 'upstream', tasks: 'task', splits: 'split' } as const

export type KvFolder = keyof typeof kvFolders

/** One config entry as it stands in KV. */
export interface KvText {
  readonly folder: KvFolder
  readonly name: string
  /** The whole key: `gateway/routes/hello`. */
  readonly key: string
  readonly text: string
  /** The registry's index of its last write (Consul: ModifyIndex). */
  readonly modifyIndex: bigint
}

/** What is known of the config in KV: `known` from the first answer for each folder on, `unavailable` when one could not be had so far. */
export type KvState = 'awaited' | 'unavailable' | 'known'

/** What is known of two parts: as little as of the lesser one. */
export function lesserState(left: KvState, right: KvState): KvState {
  const order: readonly KvState[] = ['awaited', 'unavailable', 'known']
  return order[Math.min(order.indexOf(left), order.indexOf(right))] ?? 'awaited'
}

export interface KvSource {
  /** Monotonic ms of the oldest last success over the folders; null until each has answered. */
  readonly freshSince: number | null
  readonly state: KvState
  close(): void
}

/**
 * Follows the config entries below `<prefix>/`, one watch per folder, so that run records and the lock beside them wake nobody. `onEntries`
 * gets the whole present set, from the moment when every folder has answered, the longest unchanged first: of two that exclude each other
 * every gateway then keeps the older one. Closed by the caller.
 */
export function watchKvConfig(
  registry: Pick<Registry, 'watchPrefix'>,
  prefix: string,
  listener: { onEntries(entries: readonly KvText[]): void; onError(error: GatewayError): void },
): KvSource {
  const found = new Map<KvFolder, readonly KvText[]>()
  let hasFailed = false
  const folders = Object.keys(kvFolders) as KvFolder[]
  const watches = folders.map((folder) =>
    registry.watchPrefix(`${prefix}/${folder}/`, {
      onValue: (entries) => {
        found.set(
          folder,
          entries.flatMap((entry) => textOf(folder, `${prefix}/${folder}/`, entry)),
        )
        if (found.size === folders.length) listener.onEntries([...found.values()].flat().toSorted(byLastWrite))
      },
      onError: (error) => {
        hasFailed = true
        listener.onError(error)
      },
    }),
  )
  return {
    get freshSince() {
      const ages = watches.map((watch) => watch.freshSince)
      return ages.includes(null) ? null : Math.min(...ages.map(Number))
    },
    get state() {
      if (found.size === folders.length) return 'known'
      return hasFailed ? 'unavailable' : 'awaited'
    },
    close: () => watches.forEach((watch) => watch.close()),
  }
}

function byLastWrite(left: KvText, right: KvText): number {
  return left.modifyIndex < right.modifyIndex ? -1 : 1
}

function textOf(folder: KvFolder, root: string, { key, value, modifyIndex }: KvEntry): readonly KvText[] {
  const name = key.slice(root.length)
  // `consul kv put gateway/routes/` makes a "folder": an empty entry that many tools create and that means nothing.
  return name === '' ? [] : [{ folder, name, key, text: value.toString('utf8'), modifyIndex }]
}
