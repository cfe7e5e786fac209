import { GatewayError } from '../errors.ts'
import type { Registry, Session } from './registry.ts'

/** Consul's smallest TTL: the keys of who was killed are gone after it, or after twice as long. */
const SESSION_TTL_MS = 10_000

/** Keys in KV that are held by one session of ours and deleted with it, so that others see those of the living only. Closed by the caller. */
export class HeldKeys {
  readonly #registry: Pick<Registry, 'kv' | 'openSession'>
  readonly #name: string
  readonly #followers = new Set<() => void>()
  #session: Session | null = null
  #opening: Promise<Session> | null = null
  #isClosed = false

  /** `name` is the session's, for people. */
  constructor(registry: Pick<Registry, 'kv' | 'openSession'>, name: string) {
    this.#registry = registry
    this.#name = name
  }

  /** Calls `run` when what was written is gone, or soon will be; the function that is returned ends that. */
  followLoss(run: () => void): () => void {
    this.#followers.add(run)
    return () => void this.#followers.delete(run)
  }

  /** Throws `registry_…`. */
  async put(key: string, text: string): Promise<void> {
    const { kv } = this.#registry
    const { id } = await this.#liveSession()
    if (await kv.put(key, text, { acquire: id })) return
    // The session of a former process of ours still holds it.
    await kv.delete(key)
    if (!(await kv.put(key, text, { acquire: id }))) throw new Error(`${key} is held by another session`)
  }

  /** Who holds a key of ours now: we, another session, or nobody since somebody has taken it out. Throws `registry_…`. */
  async holderOf(key: string): Promise<'we' | 'another' | 'nobody'> {
    const { session = null } = (await this.#registry.kv.get(key)) ?? {}
    if (session === null) return 'nobody'
    return session === this.#session?.id ? 'we' : 'another'
  }

  /** Takes the keys out; never throws. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#opening?.catch(() => null)
    await this.#session?.close()
  }

  async #liveSession(): Promise<Session> {
    if (this.#isClosed) throw new GatewayError('registry_unavailable', `${this.#name}: the keys have been given up`)
    if (this.#session && !this.#session.lost.aborted) return this.#session
    this.#opening ??= this.#open().finally(() => (this.#opening = null))
    return this.#opening
  }

  async #open(): Promise<Session> {
    const session = await this.#registry.openSession({
      name: this.#name,
      ttlMs: SESSION_TTL_MS,
      lockDelayMs: 0,
      behavior: 'delete',
    })
    session.lost.addEventListener('abort', () => this.#followers.forEach((run) => run()), { once: true })
    this.#session = session
    return session
  }
}
