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

  watch(service: string, listener: WatchListener<readonly Instance[]>): Watch {
    const shared = this.#shared.get(service) ?? this.#open(service)
    shared.listeners.add(listener)
    if (shared.last) queueMicrotask(() => tellLast(shared, listener))
    return {
      get freshSince() {
        return shared.watch.freshSince
      },
      close: () => this.#leave(service, shared, listener),
    }
  }

  #open(service: string): Shared {
    const listeners = new Set<WatchListener<readonly Instance[]>>()
    const watch = this.#registry.watchInstances(service, {
      onValue: (value, isRemembered = false) => {
        shared.last = { value, isRemembered }
        for (const listener of listeners) listener.onValue(value, isRemembered)
      },
      onError: (error: GatewayError) => {
        for (const listener of listeners) listener.onError(error)
      },
    })
    const shared: Shared = { watch, listeners, last: null }
    this.#shared.set(service, shared)
    return shared
  }

  #leave(service: string, shared: Shared, listener: WatchListener<readonly Instance[]>): void {
    if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return
    shared.watch.close()
    if (this.#shared.get(service) === shared) this.#shared.delete(service)
  }
}

function tellLast({ last, listeners }: Shared, listener: WatchListener<readonly Instance[]>): void {
  if (last && listeners.has(listener)) listener.onValue(last.value, last.isRemembered)
}
