import type { BalancerKind } from './balancer.ts'

/** One after the other, whatever their weights. It starts at a random place, so that a fleet of gateways does not start at the same one. */
export const roundRobin: BalancerKind = {
  create: (random) => {
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
