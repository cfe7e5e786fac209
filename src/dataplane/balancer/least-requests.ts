import type { BalancerKind, Candidate } from './balancer.ts'
import { loadOf } from './load.ts'
import { noOptions, type NoOptions } from './no-options.ts'

/**
 * The one with the fewest attempts under way for its weight, failures of late counted as such. Of equals one is drawn by weight, so an idle service is used by weight too,
 * and gateways that see the same load do not all run to the same endpoint.
 */
export const leastRequests: BalancerKind<NoOptions> = {
  options: noOptions('The instance with the fewest requests under way for its weight.'),
  create: (_options, { random, clock }) => ({
    pick: <C extends Candidate>(eligible: readonly C[]): C | null => {
      let best: C | null = null
      let bestLoad = Infinity
      let equalWeight = 0
      for (const candidate of eligible) {
        const load = loadOf(candidate, clock)
        if (best !== null && load > bestLoad) continue
        equalWeight = load === bestLoad ? equalWeight + candidate.weight : candidate.weight
        // Reservoir sampling: each of the equals is kept with the probability weight / all their weights, in one pass.
        if (best === null || load < bestLoad || random() * equalWeight < candidate.weight) best = candidate
        bestLoad = load
      }
      return best
    },
  }),
}
