import type { Random } from './clock.ts'

export interface BackoffOptions {
  /** The mean of the first delay is half of this, ms. */
  readonly baseMs: number
  /** No delay is longer than this, ms. */
  readonly maxMs: number
}

/**
 * The delay in ms before retry number `attempt` (0 is the first): uniform in [0, min(max, base × 2^attempt)), so that a fleet
 * which lost its source at one moment does not come back at one moment ("full jitter").
 */
export function fullJitterMs(attempt: number, random: Random, { baseMs, maxMs }: BackoffOptions): number {
  return random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30))
}
