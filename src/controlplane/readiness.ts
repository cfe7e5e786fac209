import type { StandingReport } from '../discovery/outage/registry-standing.ts'
import type { KvState } from './sources/kv-source.ts'

/** What `/readyz` says. */
export interface ReadinessReport {
  readonly ready: boolean
  /** Why not; empty when ready. */
  readonly reasons: readonly string[]
  readonly generation: number
  readonly registry: StandingReport
  readonly draining: boolean
}

export interface ReadinessSources {
  readonly standing: () => StandingReport
  /** 0: no config has been applied. */
  readonly generation: () => number
  readonly kv: () => KvState
  /** Why the revision that is to run does not; null: it does, or is awaited. */
  readonly revisionProblem?: () => string | null
  /** Whether there is anything to serve: a gateway that has all its routes in KV waits for them, also when the registry is only just back. */
  readonly hasRoutes: () => boolean
  /** Names of upstreams in use whose instances or first probes are still awaited. */
  readonly unsettled: () => readonly string[]
  /** How many of how many workers do not serve; absent: this process serves alone. */
  readonly workers?: (() => { readonly missing: number; readonly count: number }) | undefined
}

/**
 * Tells whether traffic should come here. A registry that is away does not make the gateway unready if it can serve all the same: by the
 * last good members, by those on disk, or because its upstreams are static; the age of what it knows is told instead. KV, upstreams
 * and all workers are awaited at start only: once ready, one of them cannot take the others down.
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
    const registry = this.#sources.standing()
    const reasons = this.#reasons(registry)
    if (reasons.length === 0) this.#started = true
    return { ready: reasons.length === 0, reasons, generation: this.#sources.generation(), registry, draining: this.#draining }
  }

  #reasons(registry: StandingReport): readonly string[] {
    const { generation, kv, hasRoutes, unsettled } = this.#sources
    if (this.#draining) return ['the gateway is shutting down']
    if (generation() === 0) return ['no config has been applied yet']
    const { missing = 0, count = 1 } = this.#sources.workers?.() ?? {}
    if (missing === count) return ['no worker serves']
    if (this.#started) return []
    const waiting = unsettled()
    // Without a route, what is on disk may just be older than the first one.
    const knowsKv = hasRoutes() ? kv() !== 'awaited' : kv() === 'known' && !registry.fromDisk
    const waitsForRegistry = registry.ageMs === null && (waiting.length > 0 || !knowsKv)
    return [
      ...(waitsForRegistry ? [`the registry has not answered yet${because(registry)}`] : []),
      ...(knowsKv ? [] : [this.#whyNoKv()]),
      ...(missing === 0 ? [] : [`${missing} of ${count} workers do not serve yet`]),
      ...(waiting.length === 0 ? [] : [`still looking up ${someOf(waiting)}`]),
    ]
  }

  #whyNoKv(): string {
    const problem = this.#sources.revisionProblem?.() ?? null
    return problem === null ? 'the config in KV has not been read yet' : `the revision in force does not run: ${problem}`
  }
}

function someOf(names: readonly string[]): string {
  return `${names.slice(0, 10).join(', ')}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`
}

function because({ lastError }: StandingReport): string {
  return lastError === null ? '' : ` (${lastError})`
}
