import type { Clock } from '../../clock.ts'
import type { Registry, Watch, WatchListener } from '../../registry/registry.ts'
import { recordCodecs, type LastGood, type RecordKind } from './last-good.ts'

/** A registry that has not answered a new watch by then is taken to be away, ms. */
const RECALL_AFTER_MS = 300

/** What is followed of the registry. */
export type RegistryWatches = Pick<Registry, 'watchInstances' | 'watchServices' | 'watchPrefix'>

interface Remembered<T> {
  readonly kind: RecordKind
  readonly name: string
  readonly encode: (value: T) => unknown
  readonly decode: (raw: unknown) => T
}

/**
 * Watches that remember: what they tell is kept on disk, and a watch that the registry leaves without its first answer tells what was known
 * before the process started, marked as such. An answer of the registry always replaces it.
 */
export function rememberingWatches(registry: RegistryWatches, lastGood: LastGood, clock: Clock): RegistryWatches {
  const follow = <T>(
    { kind, name, encode, decode }: Remembered<T>,
    listener: WatchListener<T>,
    open: (listener: WatchListener<T>) => Watch,
  ): Watch => {
    let isTold = false
    const recall = (): void => {
      if (isTold) return
      isTold = true
      const raw = lastGood.recall(kind, name)
      if (raw !== null) listener.onValue(decode(raw), true)
    }
    const timer = clock.after(RECALL_AFTER_MS, recall)
    const unwatch = lastGood.watch(kind, name)
    const watch = open({
      onValue: (value) => {
        isTold = true
        timer.cancel()
        lastGood.note(kind, name, encode(value))
        listener.onValue(value)
      },
      onError: (error) => {
        recall()
        listener.onError(error)
      },
    })
    return {
      get freshSince() {
        return watch.freshSince
      },
      close: () => {
        timer.cancel()
        unwatch()
        watch.close()
      },
    }
  }
  return {
    watchInstances: (service, listener, datacenter) =>
      follow({ kind: 'instances', name: nameIn(service, datacenter), ...recordCodecs.instances }, listener, (inner) =>
        registry.watchInstances(service, inner, datacenter),
      ),
    watchServices: (listener, datacenter) =>
      follow({ kind: 'services', name: datacenter ?? '', ...recordCodecs.services }, listener, (inner) =>
        registry.watchServices(
          {
            onValue: (names) => {
              if (datacenter === undefined) lastGood.keepServices(names)
              inner.onValue(names)
            },
            onError: (error) => inner.onError(error),
          },
          datacenter,
        ),
      ),
    watchPrefix: (prefix, listener) =>
      follow({ kind: 'prefix', name: prefix, ...recordCodecs.prefix }, listener, (inner) => registry.watchPrefix(prefix, inner)),
  }
}

function nameIn(service: string, datacenter: string | undefined): string {
  return datacenter === undefined ? service : `${service}@${datacenter}`
}
