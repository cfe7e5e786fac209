import type { Clock } from '../clock.ts'
import type { RegistryContact } from '../registry/registry.ts'

/** What `/readyz` says. */
export interface ReadinessReport {
  readonly ready: boolean
  /** Why not; empty when ready. */
  readonly reasons: readonly string[]
  readonly generation: number
  readonly registry: {
    /** Since the last answer that made sense, ms; null: never. */
    readonly ageMs: number | null
    readonly lastError: string | null
  }
  readonly draining: boolean
}

export interface ReadinessSources {
  readonly clock: Clock
  readonly contact: () => RegistryContact
  /** 0: no config has been applied. */
  readonly generation: () => number
  /** Whether the config in KV has been read once. */
  readonly hasReadKv: () => boolean
  /** Names of upstreams in use whose instances or first probes are still awaited. */
  readonly unsettled: () => readonly string[]
}

/**
 * Tells whether traffic should come here. A registry that goes away later does not make the gateway unready, since the last good members
 * still serve; its age is told instead. KV and upstreams are awaited at start only: once ready, a new one cannot take the others down.
 */
export class Readiness {
  readonly #sources: ReadinessSources
  #started = false
  #draining = false

  constructor(sources: ReadinessSources) {
    this.#sources = sources
  }

  /** From now on the answer is no. */
  startDraining(): void {
    this.#draining = true
  }

  report(): ReadinessReport {
    const { clock, generation } = this.#sources
    const contact = this.#sources.contact()
    const reasons = this.#reasons(contact)
    if (reasons.length === 0) this.#started = true
    const ageMs = contact.freshSince === null ? null : Math.round(clock.monotonic() - contact.freshSince)
    return {
      ready: reasons.length === 0,
      reasons,
      generation: generation(),
      registry: { ageMs, lastError: contact.lastError?.message ?? null },
      draining: this.#draining,
    }
  }

  #reasons(contact: RegistryContact): readonly string[] {
    const { generation, hasReadKv, unsettled } = this.#sources
    if (this.#draining) return ['the gateway is shutting down']
    if (generation() === 0) return ['no config has been applied yet']
    if (this.#started) return []
    const waiting = unsettled()
    return [
      ...(contact.freshSince === null ? [`the registry has not answered yet${because(contact)}`] : []),
      ...(hasReadKv() ? [] : ['the config in KV has not been read yet']),
      ...(waiting.length === 0 ? [] : [`still looking up ${someOf(waiting)}`]),
    ]
  }
}

function someOf(names: readonly string[]): string {
  return `${names.slice(0, 10).join(', ')}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`
}

function because({ lastError }: RegistryContact): string {
  return lastError ? ` (${lastError.message})` : ''
}
