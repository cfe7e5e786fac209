import type { BalancerKind, Candidate } from './balancer.ts'
import { drawByWeight } from './draw.ts'
import { noOptions, type NoOptions } from './no-options.ts'
import { weighted } from './weighted.ts'

/**
 * One after the other, and in turns by weight where weights differ. It starts at a random place, so that a fleet of gateways does not start at
 * the same one.
 */
export const roundRobin: BalancerKind<NoOptions> = {
  options: noOptions('One instance after the other; as often as its weight says where weights differ.'),
  create: (options, deps) => {
    const byWeight = weighted.create(options, deps)
    let turn = Math.floor(deps.random() * 0x10000)
    let known: readonly Candidate[] = []
    let areEven = true
    return {
      pick: (eligible, asker) => {
        // Lists are replaced whole: the one that was looked at last need not be looked at again.
        if (eligible !== known) {
          known = eligible
          areEven = eligible.every(({ weight }) => weight === eligible[0]?.weight)
        }
        if (!areEven) return byWeight.pick(eligible, asker)
        if (eligible.length === 0) return null
        turn = (turn + 1) % Number.MAX_SAFE_INTEGER
        return eligible[turn % eligible.length] ?? null
      },
      pickAgain: (untried) => drawByWeight(untried, deps.random),
      save: (eligible) => {
        const [before, putBack] = [turn, byWeight.save?.(eligible)]
        return () => {
          turn = before
          putBack?.()
        }
      },
    }
  },
}
