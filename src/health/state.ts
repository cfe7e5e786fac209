import type { HealthPolicy } from './policy.ts'

export type Verdict = 'unknown' | 'healthy' | 'unhealthy'

/** What the probes of one endpoint have shown so far: plain data. */
export interface HealthState {
  readonly verdict: Verdict
  /** Results in a row that speak against the verdict. */
  readonly against: number
  /** Whether any probe has passed yet. */
  readonly hasPassed: boolean
}

export const unprobed: HealthState = { verdict: 'unknown', against: 0, hasPassed: false }

/**
 * The state after one more result. The first one decides at once, and so does the first pass: an instance that registered before its port
 * listens has shown nothing that would have to be outweighed. Later ones turn the verdict when the policy's count in a row is reached.
 */
export function nextState(state: HealthState, ok: boolean, policy: Pick<HealthPolicy, 'healthy' | 'unhealthy'>): HealthState {
  const found: Verdict = ok ? 'healthy' : 'unhealthy'
  const hasPassed = state.hasPassed || ok
  const decides = state.verdict === 'unknown' || state.verdict === found || (ok && !state.hasPassed)
  if (decides || state.against + 1 >= policy[found]) return { verdict: found, against: 0, hasPassed }
  return { verdict: state.verdict, against: state.against + 1, hasPassed }
}
