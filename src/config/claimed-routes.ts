import { covers } from '../dataplane/router/cover.ts'
import type { ClaimRule, RegisteredRoutesConfig, RouteShare } from './config.ts'
import type { ConfigEntry } from './entry.ts'
import { shortRoute } from './schema/route.ts'
import { parseShortRoute } from './schema/short-route.ts'
import { routeOf } from './written.ts'

/** The key of an instance's meta that holds the routes which it claims, separated by commas. Consul takes no dots there. */
export const CLAIM_KEY = 'gateway-route'

/** What the instances of one service claim. */
export interface ServiceClaims {
  readonly service: string
  /** How many there are, also those that claim nothing. */
  readonly instances: number
  /** How many say what. */
  readonly texts: ReadonlyMap<string, number>
}

/** One route that a service claims. */
export interface Claim {
  /** As the service writes it: `shop.example.com/api/*`; also its name. */
  readonly route: string
  readonly service: string
}

/** A claim that may serve if it fits with the config. */
export interface AllowedClaim extends Claim {
  readonly entry: ConfigEntry & { readonly kind: 'route' }
}

export interface RefusedClaim extends Claim {
  readonly reason: string
}

export interface JudgedClaims {
  /** Of two that exclude each other the first stays. */
  readonly allowed: readonly AllowedClaim[]
  readonly refused: readonly RefusedClaim[]
}

/** Instances of a service that is being replaced differ; that each says something else is a mistake. */
const MOST_TEXTS = 10

/** A longer text is not read: the registry's own limit. */
const MOST_CHARACTERS = 512

interface RankedClaim extends AllowedClaim {
  /** Of the rule that allows it. */
  readonly rank: number
}

/** Holds what services claim against what they may. The same for the same claims, in whatever order they came. */
export function judgeClaims(all: readonly ServiceClaims[], { allow, most }: RegisteredRoutesConfig): JudgedClaims {
  const judged = all.flatMap((claims) => judgeService(claims, allow))
  const ranked = judged
    .filter((claim): claim is RankedClaim => 'rank' in claim)
    .toSorted((left, right) => left.rank - right.rank || compare(left.service, right.service) || compare(left.route, right.route))
  const first = new Map<string, RankedClaim>()
  for (const claim of ranked) if (!first.has(claim.route)) first.set(claim.route, claim)
  const owned = [...first.values()]
  const kept = new Set(byTurns(byTurns(owned, 'service'), 'rank').slice(0, most))
  const rivals = ranked
    .filter((claim) => first.get(claim.route) !== claim)
    .map(({ route, service }) => ({ route, service, reason: `the service "${first.get(route)?.service}" has it` }))
  const tooMany = owned
    .filter((claim) => !kept.has(claim))
    .map(({ route, service }) => ({ route, service, reason: `there are ${most} already: raise registeredRoutes.most` }))
  return {
    allowed: owned.filter((claim) => kept.has(claim)),
    refused: [...judged.filter((claim) => 'reason' in claim), ...rivals, ...tooMany],
  }
}

/** One of each, then a second one of each, and so on: who claims much does not push out what others have. */
function byTurns(claims: readonly RankedClaim[], of: 'service' | 'rank'): readonly RankedClaim[] {
  const counts = new Map<string | number, number>()
  const turns = claims.map((claim) => {
    const turn = counts.get(claim[of]) ?? 0
    counts.set(claim[of], turn + 1)
    return { claim, turn }
  })
  return turns.toSorted((left, right) => left.turn - right.turn).map(({ claim }) => claim)
}

/** Whether a rule is for a service. */
export function isFor({ service: pattern }: ClaimRule, service: string): boolean {
  return pattern.endsWith('*') ? service.startsWith(pattern.slice(0, -1)) : service === pattern
}

function judgeService(claims: ServiceClaims, allow: readonly ClaimRule[]): readonly (RankedClaim | RefusedClaim)[] {
  const { service, texts } = claims
  if (texts.size <= MOST_TEXTS) return [...patternsIn(claims)].map((route) => judge(route, claims, allow))
  const reason = `its instances say ${texts.size} different things, at most ${MOST_TEXTS} are read`
  return [{ route: '*', service, reason }]
}

function judge(route: string, claims: ServiceClaims, allow: readonly ClaimRule[]): RankedClaim | RefusedClaim {
  const { service } = claims
  const refused = (reason: string): RefusedClaim => ({ route, service, reason })
  if (route.length > MOST_CHARACTERS)
    return { route: `${route.slice(0, 60)}…`, service, reason: `is longer than ${MOST_CHARACTERS} characters` }
  const text = `${route} -> ${service}`
  const parsed = parseShortRoute(text)
  if (!parsed) return refused('is no route: write a host, a path or both, as in shop.example.com/api/*')
  if (parsed.match.path?.startsWith('~')) return refused('a regular expression cannot be claimed: write it in the config')
  const { data, error } = shortRoute.safeParse(text)
  if (!data) return refused(error.issues.map(({ message }) => message).join('; '))
  const rank = allow.findIndex((rule) => isFor(rule, service) && covers(rule.match, parsed.match))
  if (rank < 0) return refused(`no rule of registeredRoutes.allow lets "${service}" have it`)
  const source = `registry:${service}`
  const place = { file: source, line: 1, column: 1, path: CLAIM_KEY }
  const value = { ...routeOf(route, data, text), to: sharesOf(route, claims) }
  return { route, service, rank, entry: { kind: 'route', source: `${source} ${route}`, place, value } }
}

/** All instances, if they agree; else those that claim it: while a service is replaced, not all of them may know it. */
function sharesOf(route: string, claims: ServiceClaims): readonly RouteShare[] {
  const { service, instances, texts } = claims
  const claiming = [...texts].filter(([text]) => patternsOf(text).includes(route)).toSorted(([a], [b]) => compare(a, b))
  const count = claiming.reduce((sum, [, some]) => sum + some, 0)
  if (count === instances) return [{ upstream: service, weight: 1 }]
  return claiming.map(([text, weight]) => ({ upstream: service, weight, where: { [CLAIM_KEY]: text } }))
}

function patternsIn({ texts }: ServiceClaims): ReadonlySet<string> {
  return new Set([...texts.keys()].flatMap(patternsOf))
}

function patternsOf(text: string): readonly string[] {
  // One that is too long is refused as a whole.
  if (text.length > MOST_CHARACTERS) return [text]
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** By code units, the same on every machine. */
function compare(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
