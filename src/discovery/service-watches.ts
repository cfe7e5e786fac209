import type { GatewayError } from '../errors.ts'
import type { Instance, Registry, Watch, WatchListener } from '../registry/registry.ts'

type InstanceWatches = Pick<Registry, 'watchInstances'>

interface Shared {
  readonly watch: Watch
  readonly listeners: Set<WatchListener<readonly Instance[]>>
  last: { readonly value: readonly Instance[]; readonly isRemembered: boolean } | null
}

/**
 * One blocking query per service however many upstreams use it: the registry's server counts connections per client
 * (Consul: http_max_conns_per_client, 200). A late listener gets the last value at once.
 */
export class ServiceWatches {
  readonly #registry: InstanceWatches
  readonly #shared = new Map<string, Shared>()

  constructor(registry: InstanceWatches) {
    this.#registry = registry
  }

  /** `datacenter` absent: the registry's own. */
  watch(service: string, listener: WatchListener<readonly Instance[]>, datacenter?: string): Watch {
    const key = datacenter === undefined ? service : `${service}@${datacenter}`
    const shared = this.#shared.get(key) ?? this.#open(key, service, datacenter)
    shared.listeners.add(listener)
    if (shared.last) queueMicrotask(() => tellLast(shared, listener))
    return {
      get freshSince() {
        return shared.watch.freshSince
      },
      close: () => this.#leave(key, shared, listener),
    }
  }

  #open(key: string, service: string, datacenter: string | undefined): Shared {
    const listeners = new Set<WatchListener<readonly Instance[]>>()
    const all: WatchListener<readonly Instance[]> = {
      onValue: (value, isRemembered = false) => {
        shared.last = { value, isRemembered }
        for (const listener of listeners) listener.onValue(value, isRemembered)
      },
      onError: (error: GatewayError) => {
        for (const listener of listeners) listener.onError(error)
      },
    }
    const watch = this.#registry.watchInstances(service, all, datacenter)
    const shared: Shared = { watch, listeners, last: null }
    this.#shared.set(key, shared)
    return shared
  }

  #leave(key: string, shared: Shared, listener: WatchListener<readonly Instance[]>): void {
    if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return
    shared.watch.close()
    if (this.#shared.get(key) === shared) this.#shared.delete(key)
  }
}

function tellLast({ last, listeners }: Shared, listener: WatchListener<readonly Instance[]>): void {
  if (last && listeners.has(listener)) listener.onValue(last.value, last.isRemembered)
}
