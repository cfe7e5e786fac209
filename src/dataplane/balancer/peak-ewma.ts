import type { BalancerKind, Candidate } from './balancer.ts'
import { drawByWeight, totalWeight } from './draw.ts'
import { burdenedAt } from './load.ts'
import { noOptions, type NoOptions } from './no-options.ts'

/** What a request under way costs at an endpoint that has not answered yet: one is sent there, the next ones wait for what it shows. */
const UNKNOWN_MS = 1_000

/**
 * Of two drawn by weight the one where an answer is to be expected sooner: the peak-sensitive average of its latencies times the requests
 * that are there already. Source: Finagle, `PeakEwma`.
 */
export const peakEwma: BalancerKind<NoOptions> = {
  options: noOptions(
    'Of two instances drawn by weight the one that answers sooner: by its latest latencies and its requests under way.',
  ),
  create: (_options, { random, clock }) => ({
    pick: (eligible) => {
      const first = drawByWeight(eligible, random)
      if (first === null || eligible.length === 1) return first
      const second = drawByWeight(eligible, random, first) ?? first
      const now = clock.thisTurn()
      const meanWeight = totalWeight(eligible) / eligible.length
      return expectedMs(second, meanWeight, now) < expectedMs(first, meanWeight, now) ? second : first
    },
  }),
}

function expectedMs({ endpoint, weight }: Candidate, meanWeight: number, now: number): number {
  const { latency } = endpoint
  // Idle ones are told apart by latency alone: the draw has seen to the weights. An error that comes at once must not look like a quick answer.
  const load = (burdenedAt(endpoint, now) * meanWeight) / weight
  return latency.isKnown ? latency.valueAt(now) * (load + 1) : load * UNKNOWN_MS
}
