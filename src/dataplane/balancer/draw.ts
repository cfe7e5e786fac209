import type { Random } from '../../clock.ts'
import type { Candidate } from './balancer.ts'

/** The sum of all weights. */
export function totalWeight(eligible: readonly Candidate[]): number {
  let total = 0
  for (const { weight } of eligible) total += weight
  return total
}

/** Draws one by weight, in one pass; never `except`, unless there is no other. */
export function drawByWeight<C extends Candidate>(eligible: readonly C[], random: Random, except: C | null = null): C | null {
  let rest = random() * (totalWeight(eligible) - (except?.weight ?? 0))
  let last: C | null = null
  for (const candidate of eligible) {
    if (candidate === except) continue
    last = candidate
    rest -= candidate.weight
    if (rest < 0) return candidate
  }
  // Rounding may leave a rest of nothing behind the last one.
  return last ?? except
}
