import type { HealthPolicy } from './policy.ts'

export type Verdict = 'unknown' | 'healthy' | 'unhealthy'

/** What the probes of one endpoint have shown so far: plain data. */
export interface HealthState {
  readonly verdict: Verdict
  /** Results in a row that speak against the verdict. */
  readonly against: number
}

export const unprobed: HealthState = { verdict: 'unknown', against: 0 }

/** The state after one more result: the first one decides at once, later ones turn the verdict when the policy's count in a row is reached. */
export function nextState(state: HealthState, ok: boolean, policy: Pick<HealthPolicy, 'healthy' | 'unhealthy'>): HealthState {
  const found: Verdict = ok ? 'healthy' : 'unhealthy'
  if (state.verdict === 'unknown' || state.verdict === found) return { verdict: found, against: 0 }
  const against = state.against + 1
  return against >= policy[found] ? { verdict: found, against: 0 } : { verdict: state.verdict, against }
}
