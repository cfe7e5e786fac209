import { formatDurationMs } from '../../durations.ts'
import type { Endpoint } from './endpoint.ts'

/** When an endpoint is too slow for its company: plain data. */
export interface SlownessPolicy {
  /** So many times as slow as the others; 0: nobody is too slow. */
  readonly slowTimes: number
  /** And slower by so much, ms. */
  readonly slowByMs: number
  /** With fewer answers within a window nothing is said of an endpoint. */
  readonly minRequests: number
  readonly windowMs: number
}

/** An endpoint that is too slow, and how people are told. */
export interface SlowEndpoint {
  readonly endpoint: Endpoint
  readonly why: string
}

/** With fewer to compare with, nobody knows who the outlier is. */
const LEAST_COMPANY = 3

interface Sample {
  count: number
  /** Of the logarithms: one answer that took for ever must not speak for all. */
  sumLog: number
}

/** Compares how long endpoints take to answer, window by window. All times are monotonic ms. */
export class Slowness {
  #samples = new Map<Endpoint, Sample>()
  #since = -Infinity

  /** Takes an answer that took `tookMs`. At the end of a window it gives those that were too slow in it, the slowest first. */
  observe(endpoint: Endpoint, tookMs: number, policy: SlownessPolicy, now: number): readonly SlowEndpoint[] {
    const isOver = now - this.#since >= policy.windowMs
    const found = isOver ? slowIn(this.#samples, policy) : []
    if (isOver) {
      this.#samples = new Map()
      this.#since = now
    }
    const sample = this.#samples.get(endpoint) ?? { count: 0, sumLog: 0 }
    sample.count++
    sample.sumLog += Math.log(Math.max(tookMs, 0.01))
    this.#samples.set(endpoint, sample)
    return found
  }
}

function slowIn(
  samples: ReadonlyMap<Endpoint, Sample>,
  { slowTimes, slowByMs, minRequests }: SlownessPolicy,
): readonly SlowEndpoint[] {
  const means = [...samples]
    .filter(([, { count }]) => count >= minRequests)
    .map(([endpoint, { count, sumLog }]) => ({ endpoint, meanMs: Math.exp(sumLog / count) }))
    .toSorted((a, b) => b.meanMs - a.meanMs)
  if (means.length < LEAST_COMPANY) return []
  const usualMs = means[means.length >> 1]?.meanMs ?? 0
  return means
    .filter(({ meanMs }) => meanMs >= usualMs * slowTimes && meanMs >= usualMs + slowByMs)
    .map(({ endpoint, meanMs }) => ({
      endpoint,
      why: `its answers took ${formatDurationMs(meanMs)}, those of the others ${formatDurationMs(usualMs)}`,
    }))
}
