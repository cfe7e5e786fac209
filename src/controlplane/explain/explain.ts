import type { Random } from '../../clock.ts'
import type { ConfigLayers } from '../../config/assemble.ts'
import type { HotConfig, RouteConfig } from '../../config/config.ts'
import { chooseDestination } from '../../dataplane/choose-destination.ts'
import type { Asker } from '../../dataplane/exchange.ts'
import { compareSpecificity, parseCandidate } from '../../dataplane/router/specificity.ts'
import { tryRoute } from '../../dataplane/router/trial.ts'
import { compileTrust } from '../../dataplane/http/forwarded.ts'
import type { Destination, Route, Snapshot } from '../../dataplane/snapshot.ts'
import type { Upstream } from '../../dataplane/upstream/upstream.ts'
import { declarationOf, defaultsOf, placeOfRoute } from './config-layers.ts'
import type { ExplainedDestination, Explanation, Pick, PolicyValue, TriedRoute } from './explanation.ts'
import { tryFilters } from './filter-trial.ts'
import { explainInstances, type SeenBy } from './instances.ts'
import { provenanceOf } from './provenance.ts'
import { askerOf, type Question } from '../../dataplane/question.ts'

/** How often the split and the balancer are asked: what comes out is how often they choose each. */
const TRIES = 100
/** So many routes are listed; the nearest ones. */
const MOST_TOLD = 100

/** A config as it serves, or would. */
export interface Explained {
  readonly snapshot: Snapshot
  readonly hot: HotConfig
  readonly layers: ConfigLayers
  /** That is part of it; null: none. */
  readonly revision: string | null
  /** Peers whose forwarding fields are believed, as of the first front listener. */
  readonly trust: readonly string[]
  /** Absent: nothing runs. */
  readonly seenBy?: SeenBy
}

const nobody: SeenBy = () => []

/**
 * Says why a request goes where it goes: with the router, the merge of policies, the split and the balancer that serve. It changes nothing
 * that runs: filters that count or ask others are not run, and a balancer's turn is given back. Throws `usage`.
 */
export function explain(explained: Explained, question: Question, random: Random): Explanation {
  const { snapshot, layers, trust, revision } = explained
  const asker = askerOf(question, compileTrust(trust))
  const { request } = asker
  const winner = snapshot.router.find(request)
  const tried = tryAll(snapshot.routes, asker, layers)
  const taking = tried.filter(({ takes }) => takes).map(({ route }) => route)
  const told =
    tried.length <= MOST_TOLD ? tried : tried.filter(({ takes, failed }) => takes || failed.length === 1).slice(0, MOST_TOLD)
  const { method, host, path, query, clientAddress: client } = request
  const common = {
    request: { method, host, path, query, client },
    generation: snapshot.generation,
    revision,
    tried: told,
    untold: tried.length - told.length,
    shadows: taking.filter((name) => name !== winner?.name),
  }
  if (!winner) {
    const refusal = { code: 'no_route', reason: 'no route matches' }
    return { ...common, route: null, filters: [], path, sticky: false, mirror: null, pick: null, destinations: [], refusal }
  }
  const config = configOf(winner, explained.hot)
  const passed = tryFilters(config.filters, winner.filters.all, asker)
  const isReplied = passed.filters.some(({ outcome }) => outcome === 'replied')
  const course = { route: winner, config, explained, asker: passed.asker, random }
  return {
    ...common,
    route: winner.name,
    filters: passed.filters,
    path: passed.asker.request.path,
    sticky: winner.sticky !== undefined,
    mirror: winner.mirror?.target.upstream.name ?? null,
    // First of all: what is drawn for it is what would be drawn for the request.
    pick: isReplied ? null : pickOf(course),
    destinations: isReplied ? [] : destinationsOf(course),
    refusal: null,
  }
}

function tryAll(routes: readonly Route[], asker: Asker, layers: ConfigLayers): readonly TriedRoute[] {
  const inOrder = routes.map(parseCandidate).toSorted(compareSpecificity)
  return inOrder.map(({ route: { name, match } }) => ({
    route: name,
    at: placeOfRoute(name, layers),
    ...tryRoute(match, asker.request),
  }))
}

/** A route of a config, as it is compiled and as it is written. */
interface RouteIn {
  readonly route: Route
  readonly config: RouteConfig
  readonly explained: Explained
}

interface Course extends RouteIn {
  readonly asker: Asker
  readonly random: Random
}

/** Where it would go now, by the steps that the gateway takes. */
function pickOf({ route, asker, random }: Course): Pick {
  const { name, upstream, picker } = chooseDestination(route, asker, random)
  const endpoint = picker.tryOut(asker)
  const member = upstream.members.all.find((known) => known.endpoint === endpoint)
  return { destination: name, upstream: upstream.name, instance: member?.id ?? null, address: endpoint?.key ?? null }
}

function destinationsOf(course: Course): readonly ExplainedDestination[] {
  const { route, asker, random } = course
  const tries = Array.from({ length: TRIES }, () => chooseDestination(route, asker, random))
  return route.to.map((destination) => {
    const chosen = tries.filter(({ name }) => name === destination.name)
    // What was chosen may begin at the instance that the client sticks to.
    return explainDestination(chosen[0] ?? destination, chosen.length / TRIES, course)
  })
}

function explainDestination(destination: Destination, share: number, course: Course): ExplainedDestination {
  const { name, upstream, where = null, weight, picker } = destination
  const why = upstream.gate.whyClosed() ?? (picker.eligible.length === 0 ? picker.whyNone() : null)
  return {
    name,
    upstream: upstream.name,
    where,
    weight,
    share,
    balance: upstream.policy.balance.kind,
    policy: policyOf(destination, course),
    instances: explainInstances(destination, course.asker, { tries: TRIES, seenBy: course.explained.seenBy ?? nobody }),
    refusal: why && { code: why.code, reason: why.detail },
  }
}

/** The whole effective policy of a destination of a route, with what sets each value. */
export function policyOf({ upstream, policy }: Destination, { config, explained, route }: RouteIn): readonly PolicyValue[] {
  const { hot, layers } = explained
  const own = declarationOf(upstream.name, layers)
  const defaults = defaultsOf(layers)
  const { health, brake } = upstreamConfigOf(upstream, hot)
  const levels = { route: config, upstream: own.settings, defaults: defaults.settings }
  const at = { route: placeOfRoute(route.name, layers), upstream: own.at, defaults: defaults.at, 'built-in': null }
  const set = provenanceOf({ ...upstream.policy, health, brake, ...policy }, levels)
  return set.map((value) => ({ ...value, at: at[value.from] }))
}

function upstreamConfigOf({ name }: Upstream, hot: HotConfig) {
  return hot.upstreams.find((config) => config.name === name) ?? hot.defaultUpstream(name)
}

function configOf({ name }: Route, { routes }: HotConfig): RouteConfig {
  const found = routes.find((route) => route.name === name)
  if (!found) throw new Error(`route ${name} serves and is in no config`)
  return found
}
