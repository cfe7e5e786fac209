import type { BalancerKind } from './balancer.ts'
import { noOptions, type NoOptions } from './no-options.ts'

/** One after the other, whatever their weights. It starts at a random place, so that a fleet of gateways does not start at the same one. */
export const roundRobin: BalancerKind<NoOptions> = {
  options: noOptions('One instance after the other; weights and slow starts do not count.'),
  create: (_options, { random }) => {
    let turn = Math.floor(random() * 0x10000)
    return {
      pick: (eligible) => {
        if (eligible.length === 0) return null
        turn = (turn + 1) % Number.MAX_SAFE_INTEGER
        return eligible[turn % eligible.length] ?? null
      },
    }
  },
}
