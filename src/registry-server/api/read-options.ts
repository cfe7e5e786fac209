import { Refusal } from '../refusal.ts'
import { parseGoDurationNs } from './go-duration.ts'

export interface ReadOptions {
  /** The read waits until its index is greater; 0: it does not wait. */
  readonly index: bigint
  readonly waitMs: number
  readonly consistency: 'leader' | 'stale' | 'consistent'
}

// Consul: blocking queries.
const defaultWaitMs = 300_000
const longestWaitMs = 600_000
const plain: ReadOptions = { index: 0n, waitMs: defaultWaitMs, consistency: 'leader' }

/** Parses `index`, `wait`, `stale`, `consistent` and `dc` of a read. */
export function parseReadOptions(query: URLSearchParams, datacenter: string, { duringRead = false } = {}): ReadOptions {
  if (query.size === 0) return plain
  const consistency = parseConsistency(query)
  const waitMs = parseWaitMs(query)
  const options = { index: parseIndex(query), waitMs, consistency }
  requireDc(query, datacenter, { duringRead })
  return options
}

/** Refuses a request for another datacenter. */
export function requireDc(query: URLSearchParams, datacenter: string, { duringRead = false } = {}): void {
  const wanted = query.get('dc')
  if (wanted && wanted !== datacenter) throw new Refusal(500, 'No path to datacenter', { duringRead })
}

/** Parses a decimal uint64, or returns null. */
export function parseUint64(text: string): bigint | null {
  if (!/^\d{1,20}$/.test(text)) return null
  const value = BigInt(text)
  return value < 2n ** 64n ? value : null
}

/** Parses `?index`; 0 when it is not there. */
export function parseIndex(query: URLSearchParams): bigint {
  const text = query.get('index')
  if (!text) return 0n
  const index = parseUint64(text)
  if (index === null) throw new Refusal(400, 'Invalid index')
  return index
}

/** Parses `?wait`, ms. */
export function parseWaitMs(query: URLSearchParams, defaultMs = defaultWaitMs): number {
  const text = query.get('wait')
  if (!text) return defaultMs
  const waitNs = parseGoDurationNs(text)
  if (typeof waitNs === 'string') throw new Refusal(400, 'Invalid wait time')
  return waitNs <= 0 ? defaultMs : Math.min(waitNs / 1e6, longestWaitMs)
}

/** Parses `stale`, `consistent`, `cached` and `max_stale`. */
export function parseConsistency(query: URLSearchParams): ReadOptions['consistency'] {
  const stale = query.has('stale') || allowsStale(query.get('max_stale'))
  const consistent = query.has('consistent')
  if (consistent && (stale || query.has('cached'))) {
    throw new Refusal(400, `Cannot specify ?${stale ? 'stale' : 'cached'} with ?consistent, conflicting semantics.`)
  }
  if (consistent) return 'consistent'
  return stale ? 'stale' : 'leader'
}

/** Whoever says how stale an answer may be takes a stale one. */
function allowsStale(maxStale: string | null): boolean {
  if (!maxStale) return false
  const maxStaleNs = parseGoDurationNs(maxStale)
  if (typeof maxStaleNs === 'string') throw new Refusal(400, `Invalid max_stale value ${JSON.stringify(maxStale)}`)
  return maxStaleNs > 0
}
