import { bucketBoundsMs } from '../../dataplane/duration-buckets.ts'
import { NO_ROUTE } from '../../dataplane/request-stats.ts'
import { formatDurationMs } from '../../durations.ts'
import { ALL_ROUTES, longerThan, p99AtMostMs, together, type RouteTraffic, type Traffic } from './traffic.ts'

/** What the traffic of a trial is held against. */
export interface Reference {
  /** For people: `of the other replicas`. */
  readonly name: string
  readonly traffic: Traffic
}

/** So many requests have to be worse than they should, at the least: fewer are an accident. */
const LEAST_BAD = 5
/** A share of bad requests is worse if it is above the other one by more than this… */
const WORSE_RATIO = 0.01
/** … (of what no route takes, since clients may be wrong too, by more than this) … */
const LOST_RATIO = 0.1
/** … and by more than so many standard deviations: the two shares are looked at every second, on every route. */
const DEVIATIONS = 5
/** What has fewer requests knows too little for that: it excuses only what is bad less than twice as often as it is itself. */
const KNOWN_LEAST = 30
/** So many requests tell where a reference's p99 is. */
const P99_LEAST = 100
/** A request is slow if it takes more than so many times that long… */
const SLOW_FACTOR = 2
/** … and longer than this, ms. */
const SLOW_FLOOR_MS = 50

/**
 * Says where the traffic of a trial is worse than all that it is held against: a sentence per route, the worst first; if no route stands out,
 * of all together; and whether more requests than elsewhere find no route. A reference without requests of a route says nothing; a route that nobody else knows is not to fail.
 */
export function complaints(tried: Traffic, references: readonly Reference[]): readonly string[] {
  const found = [...tried]
    .toSorted(([, left], [, right]) => right.failures - left.failures)
    .flatMap(([route, traffic]) => {
      if (route === ALL_ROUTES) return []
      const known = knownOf(route, references)
      const text = failureText(traffic, known) ?? slownessText(traffic, known)
      return text === null ? [] : [`route ${route}: ${text}`]
    })
  const all = tried.get(ALL_ROUTES)
  const text = found.length === 0 && all ? failureText(all, knownOf(ALL_ROUTES, references)) : null
  const lost = lostText(tried, references)
  return [...(text === null ? found : [`all routes together: ${text}`]), ...(lost === null ? [] : [lost])]
}

/** What a route has served is answered 404 when a revision takes the route away, or has its host wrong: a failure of no route. */
function lostText(tried: Traffic, references: readonly Reference[]): string | null {
  const known = references.filter(({ traffic }) => lostOf(traffic).requests > 0)
  const lost = lostOf(tried)
  if (known.length === 0 || !known.every(({ traffic }) => isMore(lost, lostOf(traffic), LOST_RATIO))) return null
  const others = known.map(({ name, traffic }) => `${lostOf(traffic).bad} of ${lostOf(traffic).requests} ${name}`)
  return [`${lost.bad} of ${lost.requests} requests found no route`, ...others].join(', ')
}

function lostOf(traffic: Traffic): Share {
  return { requests: traffic.get(ALL_ROUTES)?.requests ?? 0, bad: traffic.get(NO_ROUTE)?.requests ?? 0 }
}

function knownOf(route: string, references: readonly Reference[]): readonly Known[] {
  return references.flatMap(({ name, traffic }) => {
    const reference = traffic.get(route)
    return reference && reference.requests > 0 ? [{ name, reference }] : []
  })
}

interface Known {
  readonly name: string
  readonly reference: RouteTraffic
}

function failureText(tried: RouteTraffic, known: readonly Known[]): string | null {
  const bad = { requests: tried.requests, bad: tried.failures }
  const isWorse =
    known.length === 0
      ? bad.bad >= LEAST_BAD && bad.bad > WORSE_RATIO * bad.requests
      : known.every(({ reference: { requests, failures } }) => isMore(bad, { requests, bad: failures }))
  if (!isWorse) return null
  const others = known.map(({ name, reference }) => `${reference.failures} of ${reference.requests} ${name}`)
  return [`${tried.failures} of ${tried.requests} requests failed`, ...others].join(', ')
}

function slownessText(tried: RouteTraffic, all: readonly Known[]): string | null {
  const known = all.filter(({ reference }) => reference.requests >= P99_LEAST)
  // Of all of them: of few requests alone, chance puts it high, and what is slow by the revision would be excused.
  const pooled = together(known.map(({ reference }) => new Map([[ALL_ROUTES, reference]]))).get(ALL_ROUTES)
  const p99Ms = pooled ? p99AtMostMs(pooled) : 0
  const limitMs = bucketBoundsMs.find((boundMs) => boundMs >= Math.max(SLOW_FACTOR * p99Ms, SLOW_FLOOR_MS))
  if (known.length === 0 || limitMs === undefined) return null
  const slow = (of: RouteTraffic): Share => ({ requests: of.requests, bad: longerThan(of, limitMs) })
  if (!known.every(({ reference }) => isMore(slow(tried), slow(reference)))) return null
  const limit = formatDurationMs(limitMs)
  return `${slow(tried).bad} of ${tried.requests} requests took longer than ${limit}, where 99 % took at most ${formatDurationMs(p99Ms)}`
}

interface Share {
  readonly requests: number
  readonly bad: number
}

/** Two shares differ by more than chance makes them: the z-test of two proportions. */
function isMore(tried: Share, reference: Share, worseRatio = WORSE_RATIO): boolean {
  if (tried.bad < LEAST_BAD) return false
  const above = tried.bad / tried.requests - reference.bad / reference.requests
  if (reference.requests < KNOWN_LEAST) return above > worseRatio && above > tried.bad / tried.requests / 2
  const pooled = (tried.bad + reference.bad) / (tried.requests + reference.requests)
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / tried.requests + 1 / reference.requests))
  return above > worseRatio && above > DEVIATIONS * deviation
}
