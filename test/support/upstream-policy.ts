import type { UpstreamPolicy } from '../../src/dataplane/upstream/policy.ts'

/** The policy of a test's upstream, with whatever the test does not care about filled in. */
export function upstreamPolicy(parts: Partial<UpstreamPolicy> = {}): UpstreamPolicy {
  return {
    balance: { kind: 'round-robin', options: {} },
    maxConnections: 16,
    maxQueued: 64,
    retry: { attempts: 2 },
    slowStartMs: 0,
    outlier: null,
    panicRatio: 0,
    timeouts: { connectMs: 1_000, responseMs: 15_000, idleMs: 60_000 },
    ...parts,
  }
}
