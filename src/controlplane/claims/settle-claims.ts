import { assemble, type Assembly } from '../../config/assemble.ts'
import { judgeClaims, type AllowedClaim, type RefusedClaim, type ServiceClaims } from '../../config/claimed-routes.ts'
import type { RegisteredRoutesConfig } from '../../config/config.ts'
import type { HotDocument } from '../../config/file.ts'
import { placeOfRoute } from '../explain/config-layers.ts'

/** What became of a route that a service claims. */
export interface RegisteredRoute {
  readonly route: string
  readonly service: string
  readonly state: 'serving' | 'refused'
  /** Why it is refused; null: it serves. */
  readonly reason: string | null
}

export interface SettledClaims {
  readonly assembly: Assembly
  readonly registered: readonly RegisteredRoute[]
}

/** Adds what services claim to a config that is put together. What is configured stays as it is: a claim that does not fit is refused. */
export function settleClaims(
  base: HotDocument,
  configured: Assembly,
  { claims, rules }: { readonly claims: readonly ServiceClaims[]; readonly rules: RegisteredRoutesConfig | null },
): SettledClaims {
  if (rules === null || claims.length === 0) return { assembly: configured, registered: [] }
  // First, so that what they may not have is not kept from those who may.
  const misnamed = claims.filter(({ service }) => isAnother(service, configured))
  const { allowed, refused } = judgeClaims(
    claims.filter((one) => !misnamed.includes(one)),
    rules,
  )
  const strays = judgeClaims(misnamed, rules)
  const fitting = allowed.filter((claim) => whyNot(claim, configured) === null)
  const entries = [...configured.layers.entries, ...fitting.map(({ entry }) => entry)]
  const assembly = fitting.length === 0 ? configured : assemble(base, entries)
  const settled = allowed.map((claim): RegisteredRoute => {
    const { route, service, entry } = claim
    const reason = whyNot(claim, configured) ?? assembly.entryProblems.get(entry.source)?.[0]?.message ?? null
    return { route, service, state: reason === null ? 'serving' : 'refused', reason }
  })
  const named = strays.allowed.map(({ route, service }) => ({ route, service, reason: isAnotherText(service) }))
  return { assembly, registered: [...settled, ...[...refused, ...strays.refused, ...named].map(asRefused)] }
}

/** Whether the config has an upstream of the service's name that is something else. */
function isAnother(service: string, { hot }: Assembly): boolean {
  const declared = hot.upstreams.find(({ name }) => name === service)
  return declared !== undefined && (declared.source.kind === 'static' || declared.source.service !== service)
}

function isAnotherText(service: string): string {
  return `the upstream "${service}" of the config is not this service`
}

function asRefused({ route, service, reason }: RefusedClaim): RegisteredRoute {
  return { route, service, state: 'refused', reason }
}

function whyNot({ route }: AllowedClaim, { hot, layers }: Assembly): string | null {
  if (!hot.routes.some(({ name }) => name === route)) return null
  return `the config has a route of this name at ${placeOfRoute(route, layers)}`
}
