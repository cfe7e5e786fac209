import type { BalancerKind } from './balancer.ts'
import { drawByWeight } from './draw.ts'
import { loadOf } from './load.ts'
import { noOptions, type NoOptions } from './no-options.ts'

/**
 * Draws two by weight and takes the one with fewer attempts under way for its weight. Nearly as even as asking all, and many gateways
 * with slightly old numbers do not run to the same endpoint. Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing".
 */
export const twoChoices: BalancerKind<NoOptions> = {
  options: noOptions('Of two instances drawn by weight the one with fewer requests under way for its weight.'),
  create: (_options, { random, clock }) => ({
    pick: (eligible) => {
      const first = drawByWeight(eligible, random)
      if (first === null || eligible.length === 1) return first
      const second = drawByWeight(eligible, random, first) ?? first
      return loadOf(second, clock) < loadOf(first, clock) ? second : first
    },
  }),
}
