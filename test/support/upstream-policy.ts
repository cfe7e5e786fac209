import { builtIn } from '../../src/config/built-in.ts'
import type { RetryPolicy, Timeouts, UpstreamPolicy } from '../../src/dataplane/upstream/policy.ts'

/** The parts of a policy that a test cares about. */
export type PolicyParts = Partial<Omit<UpstreamPolicy, 'timeouts' | 'retry'>> & {
  readonly timeouts?: Partial<Timeouts>
  readonly retry?: Partial<RetryPolicy>
}

/** The policy of a test's upstream, the rest filled in. */
export function upstreamPolicy({ timeouts, retry, ...parts }: PolicyParts = {}): UpstreamPolicy {
  return {
    deadline: null,
    hedge: null,
    breaker: null,
    concurrency: null,
    balance: { kind: 'round-robin', options: {} },
    maxConnections: 16,
    maxQueued: 64,
    warmConnections: 0,
    pipelining: 1,
    slowStartMs: 0,
    outlier: null,
    panicRatio: 0,
    zoneSpillBelowRatio: 0.7,
    backup: { where: [], spillBelowRatio: 0 },
    ...parts,
    timeouts: { connectMs: 1_000, responseMs: 15_000, idleMs: 60_000, tryMs: 0, totalMs: 0, ...timeouts },
    retry: { ...builtIn.upstream.retry, ...retry },
  }
}
