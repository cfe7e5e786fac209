import { isDeepStrictEqual } from 'node:util'
import type { Clock, Timer } from '../../clock.ts'
import { CLAIM_KEY, isFor, type ServiceClaims } from '../../config/claimed-routes.ts'
import type { RegisteredRoutesConfig } from '../../config/config.ts'
import type { ServiceWatches } from '../../discovery/service-watches.ts'
import type { Logger } from '../../logging.ts'
import type { Instance, Registry, Watch } from '../../registry/registry.ts'

/** So many services that rules with a star are for are followed; the others are told of in the log. */
const MOST_SERVICES = 1_000

export interface ClaimsSourceDeps {
  readonly registry: Pick<Registry, 'watchServices'>
  readonly watches: Pick<ServiceWatches, 'watch'>
  readonly clock: Clock
  readonly logger: Logger
  /** Called after each change, with what all services claim. */
  readonly onClaims: (claims: readonly ServiceClaims[]) => void
}

/** One service that may claim routes. */
interface Followed {
  readonly watch: Watch
  /** Whether the registry has told its instances, or cannot. */
  isHeard: boolean
  claims: ServiceClaims | null
  /** Runs while claims of instances that have gone stay for a while. */
  lingering: Timer | null
}

/**
 * Follows what services claim in the meta of their instances, of those services that a rule is for. While the registry is away all claims
 * stay. Nothing is watched without a rule. Closed by the caller.
 */
export class ClaimsSource {
  readonly #deps: ClaimsSourceDeps
  readonly #services = new Map<string, Followed>()
  #rules: RegisteredRoutesConfig | null = null
  #names: Watch | null = null
  #known: readonly string[] = []
  #areNamesHeard = false
  #told: readonly ServiceClaims[] = []

  constructor(deps: ClaimsSourceDeps) {
    this.#deps = deps
  }

  /** Follows those whom the rules are for; null: nobody. */
  follow(rules: RegisteredRoutesConfig | null): void {
    if (isDeepStrictEqual(rules, this.#rules)) return
    this.#rules = rules
    const hasStar = rules?.allow.some(({ service }) => service.endsWith('*')) ?? false
    if (hasStar) this.#names ??= this.#watchNames()
    else this.#closeNames()
    this.#reconcile()
  }

  /** What has not been answered yet. */
  get awaited(): readonly string[] {
    const services = [...this.#services].flatMap(([service, { isHeard }]) => (isHeard ? [] : [service]))
    return this.#names && !this.#areNamesHeard ? ['the names of services', ...services] : services
  }

  close(): void {
    this.#closeNames()
    for (const service of this.#services.keys()) this.#leave(service)
  }

  #watchNames(): Watch {
    return this.#deps.registry.watchServices({
      onValue: (names) => {
        this.#areNamesHeard = true
        this.#known = names
        this.#reconcile()
      },
      onError: () => void (this.#areNamesHeard = true),
    })
  }

  #closeNames(): void {
    this.#names?.close()
    this.#names = null
    this.#areNamesHeard = false
    this.#known = []
  }

  #reconcile(): void {
    const wanted = this.#wanted()
    for (const [service, { claims }] of this.#services) {
      const isAllowed = this.#rules?.allow.some((rule) => isFor(rule, service)) ?? false
      // What it claims goes when its instances have gone for long enough, not before.
      if (!wanted.has(service) && (!isAllowed || claims === null)) this.#leave(service)
    }
    for (const service of wanted) if (!this.#services.has(service)) this.#services.set(service, this.#enter(service))
    this.#tell()
  }

  #wanted(): ReadonlySet<string> {
    const allow = this.#rules?.allow ?? []
    const named = allow.flatMap(({ service }) => (service.endsWith('*') ? [] : [service]))
    const starred = this.#known.filter((name) => allow.some((rule) => rule.service.endsWith('*') && isFor(rule, name)))
    if (starred.length > MOST_SERVICES)
      this.#deps.logger.warn(
        { event: 'route.claims_unread', services: starred.length - MOST_SERVICES },
        `rules with a star are for ${starred.length} services: the routes of ${starred.length - MOST_SERVICES} are not read`,
      )
    return new Set([...named, ...starred.slice(0, MOST_SERVICES)])
  }

  #enter(service: string): Followed {
    const watch = this.#deps.watches.watch(service, {
      onValue: (instances) => this.#hear(service, instances),
      onError: () => {
        const followed = this.#services.get(service)
        if (followed) followed.isHeard = true
      },
    })
    return { watch, isHeard: false, claims: null, lingering: null }
  }

  #leave(service: string): void {
    const followed = this.#services.get(service)
    followed?.watch.close()
    followed?.lingering?.cancel()
    this.#services.delete(service)
  }

  #hear(service: string, instances: readonly Instance[]): void {
    const followed = this.#services.get(service)
    if (!followed) return
    followed.isHeard = true
    if (instances.length === 0 && followed.claims) return this.#linger(followed)
    followed.lingering?.cancel()
    followed.lingering = null
    followed.claims = claimsOf(service, instances)
    this.#tell()
  }

  #linger(followed: Followed): void {
    const { clock } = this.#deps
    followed.lingering ??= clock.after(this.#rules?.lingerMs ?? 0, () => {
      followed.lingering = null
      followed.claims = null
      this.#reconcile()
    })
  }

  #tell(): void {
    const claims = [...this.#services.values()].flatMap((followed) => followed.claims ?? [])
    if (isDeepStrictEqual(claims, this.#told)) return
    this.#told = claims
    this.#deps.onClaims(claims)
  }
}

/** Null: they claim nothing. */
function claimsOf(service: string, instances: readonly Instance[]): ServiceClaims | null {
  const texts = new Map<string, number>()
  for (const { meta } of instances) {
    const text = meta[CLAIM_KEY]
    if (text !== undefined && text.trim() !== '') texts.set(text, (texts.get(text) ?? 0) + 1)
  }
  return texts.size === 0 ? null : { service, instances: instances.length, texts }
}
