import { formatAddress } from '../address.ts'
import type { ServiceConfig } from '../config/config.ts'
import type { KeptRegistration } from '../discovery/kept-registration.ts'
import type { Registration } from '../registry/registry.ts'

/** Three beats and a bit: one lost beat is no outage. */
const TTL_MS = 16_000
/** Consul's smallest; a process that was killed leaves the list after it. */
const DEREGISTER_AFTER_MS = 60_000

/** An instance that this process has registered, until it is closed. */
export class Registered implements AsyncDisposable {
  readonly id: string
  readonly #kept: KeptRegistration
  readonly #onEnd: () => void

  constructor(id: string, kept: KeptRegistration, onEnd: () => void) {
    this.id = id
    this.#kept = kept
    this.#onEnd = onEnd
  }

  /** Whether the registry has taken it, as far as is known; if not, it is tried again every 5 s. */
  get isRegistered(): boolean {
    return this.#kept.isRegistered
  }

  /** Asks `health` now and tells the registry, instead of within 5 s. */
  tellHealth(): Promise<void> {
    return this.#kept.tellHealth()
  }

  /** Takes it out of the registry; never throws. */
  async close(): Promise<void> {
    await this.#kept.close()
    this.#onEnd()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** As the registry takes it: with the check that it names, or one that lives as long as this process tells that it is well. */
export function registrationOf({ id, name, address, tags, meta, check }: ServiceConfig): Registration {
  const common = { id, name, address, tags, meta }
  if (!check) return { ...common, check: { kind: 'ttl', ttlMs: TTL_MS, deregisterAfterMs: DEREGISTER_AFTER_MS } }
  const { everyMs, timeoutMs } = check
  // The agent checks the instances of its own machine.
  const target = { ...address, host: address.host || '127.0.0.1' }
  if (check.kind === 'tcp') return { ...common, check: { kind: 'tcp', address: target, everyMs, timeoutMs } }
  return { ...common, check: { kind: 'http', url: `http://${formatAddress(target)}${check.path}`, everyMs, timeoutMs } }
}
