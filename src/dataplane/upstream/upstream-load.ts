import type { Failure } from '../exchange.ts'
import type { BreakerState } from './breaker.ts'
import type { Upstream } from './upstream.ts'

/** What an upstream has to do in one data plane: plain data. */
export interface UpstreamLoad {
  /** Requests under way at its instances. */
  readonly inFlight: number
  /** How many retries its budget has for requests that fail now. */
  readonly retriesLeft: number
  /** Null: it has none. */
  readonly breaker: BreakerLoad | null
  /** Null: it is not limited. */
  readonly concurrency: { readonly active: number; readonly waiting: number } | null
  /** Why nobody gets in at present; null: somebody may. */
  readonly closed: Failure | null
  /** Instances that get one request at a time on a connection, although the upstream allows more: the reason by the endpoint's key. */
  readonly pipeliningOff: Readonly<Record<string, string>>
}

export interface BreakerLoad {
  readonly state: BreakerState
  /** Requests within its window, and how many of them failed. */
  readonly requests: number
  readonly failed: number
  /** Until it lets requests through again, ms. */
  readonly retryInMs: number
  /** How often it has opened. */
  readonly opened: number
}

export function upstreamLoad(upstream: Upstream): UpstreamLoad {
  const { gate, members, retriesLeft } = upstream
  const { concurrency } = gate
  const reasons = members.all.flatMap(({ endpoint: { key, pipelining } }): [string, string][] =>
    pipelining?.offBecause ? [[key, pipelining.offBecause]] : [],
  )
  return {
    inFlight: members.all.reduce((sum, { endpoint }) => sum + endpoint.inFlight, 0),
    retriesLeft,
    breaker: breakerLoad(upstream),
    concurrency: concurrency && { active: concurrency.active, waiting: concurrency.waiting },
    closed: gate.whyClosed(),
    pipeliningOff: Object.fromEntries(reasons),
  }
}

function breakerLoad({ gate: { breaker, breakerWaitMs } }: Upstream): BreakerLoad | null {
  if (!breaker) return null
  const { state, counts, opened } = breaker
  return { state, requests: counts.total, failed: counts.failed, retryInMs: Math.round(breakerWaitMs), opened }
}

/**
 * What several data planes have to do, told as one: sums, and of what cannot be added the worst, so that a breaker which is open in one of
 * them is told as open. Nobody gets in only if nobody gets in anywhere.
 */
export function mergedLoad(first: UpstreamLoad, others: readonly UpstreamLoad[]): UpstreamLoad {
  return others.reduce(
    (one, other) => ({
      inFlight: one.inFlight + other.inFlight,
      retriesLeft: one.retriesLeft + other.retriesLeft,
      breaker: one.breaker && other.breaker ? mergedBreaker(one.breaker, other.breaker) : (one.breaker ?? other.breaker),
      concurrency:
        one.concurrency && other.concurrency
          ? {
              active: one.concurrency.active + other.concurrency.active,
              waiting: one.concurrency.waiting + other.concurrency.waiting,
            }
          : (one.concurrency ?? other.concurrency),
      closed: one.closed && other.closed,
      pipeliningOff: { ...one.pipeliningOff, ...other.pipeliningOff },
    }),
    first,
  )
}

const fromBestToWorst: readonly BreakerState[] = ['closed', 'half_open', 'open']

function mergedBreaker(one: BreakerLoad, other: BreakerLoad): BreakerLoad {
  const isWorse = fromBestToWorst.indexOf(other.state) > fromBestToWorst.indexOf(one.state)
  return {
    state: isWorse ? other.state : one.state,
    requests: one.requests + other.requests,
    failed: one.failed + other.failed,
    retryInMs: Math.max(one.retryInMs, other.retryInMs),
    opened: one.opened + other.opened,
  }
}
