import type { HealthPolicy } from '../../src/health/policy.ts'

const base: HealthPolicy = {
  probe: { kind: 'tcp', options: {} },
  everyMs: 1_000,
  everyUnhealthyMs: null,
  everyRisingMs: null,
  jitterRatio: 0.2,
  timeoutMs: 500,
  healthy: 2,
  unhealthy: 3,
  shared: 0,
}

/** Each second, give or take a fifth; two passes bring back, three failures take out. */
export function healthPolicy(parts: Partial<HealthPolicy> = {}): HealthPolicy {
  return { ...base, ...parts }
}
