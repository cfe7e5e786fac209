import type { BalancerKind } from './balancer.ts'
import { drawByWeight } from './draw.ts'
import { noOptions, type NoOptions } from './no-options.ts'

/** Any of them, by weight. It needs no state, so it is as fair with many gateways as with one. */
export const random: BalancerKind<NoOptions> = {
  options: noOptions('Any instance, by weight.'),
  create: (_options, deps) => ({ pick: (eligible) => drawByWeight(eligible, deps.random) }),
}
