import { Dispatcher1Wrapper, type Dispatcher, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import type { InstanceView } from '../discovery/instance-view.ts'
import { heartbeat, KeptRegistration } from '../discovery/kept-registration.ts'
import { serviceRegistration } from '../discovery/service-registration.ts'
import type { StandingReport } from '../discovery/outage/registry-standing.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { Candidacy } from './candidacy.ts'
import { lookupError, type MeshDispatcher } from './dispatcher.ts'
import { acquireLock, type HeldLock } from './held-lock.ts'
import { MeshKv } from './kv.ts'
import type { MeshParts } from './mesh-parts.ts'
import { parseLockOptions, parseRegisterOptions, type LockOptions, type RegisterOptions } from './options.ts'
import { Places } from './places.ts'
import { Registered } from './registered.ts'

/** The undici inside of Node 24 speaks to dispatchers in the words of its version 7. */
const ownUndiciIsOlder = Number.parseInt(process.versions['undici'] ?? '0', 10) < 8

/** A process's part in the mesh: calls to services by name, and the registry's KV, locks and registrations. It keeps the process alive until it is closed. */
export class Mesh implements AsyncDisposable {
  /** For everything that takes an undici dispatcher: `setGlobalDispatcher`, `request`, `fetch`. */
  readonly dispatcher: MeshDispatcher
  readonly kv: MeshKv
  readonly #parts: MeshParts
  readonly #places = new Places()
  readonly #closing = new AbortController()
  /** Locks, candidacies and registrations. */
  readonly #held = new Set<AsyncDisposable>()
  readonly #forFetch: Dispatcher
  #undoGlobal: (() => void) | null = null
  #closed: Promise<void> | null = null

  constructor(parts: MeshParts) {
    this.#parts = parts
    this.dispatcher = parts.dispatcher
    this.#forFetch = ownUndiciIsOlder ? new Dispatcher1Wrapper(parts.dispatcher) : parts.dispatcher
    const open = () => this.#open()
    this.kv = new MeshKv({ kv: parts.registry.kv, watches: parts.followed, places: this.#places, open })
  }

  /**
   * Like the global `fetch`: `http://orders/…` goes to an instance of the service `orders`, other addresses go where they always did. If no
   * instance gives an answer it rejects with a TypeError, whose `cause` has the `code` (`no_healthy_instance`, …).
   */
  readonly fetch: typeof globalThis.fetch = (input, init) => fetch(input, { ...init, dispatcher: this.#forFetch } as object)

  /** How much what is known of the registry is worth: its age, and whether it answers. */
  get registry(): StandingReport {
    return this.#parts.standing.report()
  }

  /**
   * The instances of a service, each with our verdict; of one that has not been called yet it waits for their first probes, 2 s at the most.
   * Throws `service_unknown` if the registry lists none of that name, `upstream_unknown` while it has not told its services, `mesh_closed`.
   */
  async instances(service: string): Promise<readonly InstanceView[]> {
    this.#open()
    const { directory, upstreams } = this.#parts
    const found = await directory.find(service, null)
    if ('code' in found) throw lookupError(found)
    return upstreams.find(found.name)?.discovery.view() ?? []
  }

  /** Has `fetch` and all other users of undici's global dispatcher call services, until the mesh is closed. Throws `mesh_closed`. */
  useGlobally(): void {
    this.#open()
    if (this.#undoGlobal) return
    const before = getGlobalDispatcher()
    setGlobalDispatcher(this.dispatcher)
    this.#undoGlobal = () => {
      if (getGlobalDispatcher() === this.dispatcher) setGlobalDispatcher(before)
    }
  }

  /**
   * Waits for the lock of that name, across all processes and machines: `await using lock = await mesh.lock('nightly')`. Throws `lock_busy`
   * after `wait`, the reason of `signal`, `too_many_watches`, `mesh_closed`.
   */
  async lock(name: string, options: LockOptions = {}): Promise<HeldLock> {
    const { waitMs, key } = parseLockOptions('locks', name, options)
    const signals = [this.#open(), ...(options.signal ? [options.signal] : [])]
    const giveBack = this.#places.take()
    let lock: HeldLock | null = null
    const onEnd = (): void => {
      giveBack()
      if (lock) this.#held.delete(lock)
    }
    lock = await acquireLock({ ...this.#candidate(key), waitMs, signals, giveBack: onEnd })
    // Closed in the moment in which it was won: what it held has been given back without this one.
    if (this.#closing.signal.aborted) await lock.release()
    this.#open()
    return this.#keep(lock)
  }

  /** Runs for the lead of that name until it is closed, and again after each loss. Throws `too_many_watches`, `mesh_closed`. */
  leader(name: string): Candidacy {
    const { key } = parseLockOptions('leaders', name, {})
    this.#open()
    const giveBack = this.#places.take()
    const candidacy: Candidacy = new Candidacy(this.#candidate(key), () => {
      giveBack()
      this.#held.delete(candidacy)
    })
    return this.#keep(candidacy)
  }

  /**
   * Registers this process as an instance of a service and keeps it registered until it is closed. Resolves after the first try; a registry
   * that is away is tried again. Throws `config_invalid`, `registry_refused`, `mesh_closed`.
   */
  async register(options: RegisterOptions): Promise<Registered> {
    const config = parseRegisterOptions(options)
    this.#open()
    const { registry, watches, clock, random, settings } = this.#parts
    const registration = { check: heartbeat, ...serviceRegistration(config) }
    const { logger } = settings
    const health = options.health ? whyUnwell(options.health) : () => null
    const kept = new KeptRegistration({ registrations: [registration], registry, watches, health, clock, random, logger })
    const registered: Registered = new Registered(config.id, kept, () => void this.#held.delete(registered))
    this.#keep(registered)
    const failure = await kept.start()
    if (!(failure instanceof GatewayError) || failure.code !== 'registry_refused') return registered
    await registered.close()
    throw failure
  }

  /** Takes out what was registered, gives locks back, lets calls under way end within 5 s, and ends. Never throws. */
  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #end(): Promise<void> {
    void this.dispatcher.close()
    this.#closing.abort(new GatewayError('mesh_closed', 'the mesh has been closed'))
    this.#undoGlobal?.()
    this.kv.close()
    await Promise.all([...this.#held].map((held) => held[Symbol.asyncDispose]()))
    await this.#parts.close()
  }

  #candidate(key: string) {
    const { registry, clock, random, settings } = this.#parts
    return { registry, key, name: settings.name, clock, random, logger: settings.logger }
  }

  #open(): AbortSignal {
    this.#closing.signal.throwIfAborted()
    return this.#closing.signal
  }

  #keep<T extends AsyncDisposable>(held: T): T {
    this.#held.add(held)
    return held
  }
}

/** What fails to say that all is well has said that it is not. */
function whyUnwell(ask: () => string | null): () => string | null {
  return () => {
    try {
      return ask()
    } catch (error) {
      return `health: ${messageOf(error)}`
    }
  }
}
