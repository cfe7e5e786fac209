import type { BalancerKind, Candidate } from './balancer.ts'
import { drawByWeight } from './draw.ts'
import { noOptions, type NoOptions } from './no-options.ts'

interface Credit {
  value: number
}

/**
 * Smooth weighted round robin: of weights 5, 1, 1 it picks a a b a c a a, not five times a in a row. The credit belongs to the
 * endpoint, so a new list with the same endpoints goes on where the old one stopped.
 * Source of the algorithm: nginx, `ngx_http_upstream_get_peer`.
 */
export const weighted: BalancerKind<NoOptions> = {
  options: noOptions('In turns by weight, the turns of a heavy instance spread.'),
  create: (_options, { random }) => {
    const credits = new WeakMap<Candidate['endpoint'], Credit>()
    const creditOf = (endpoint: Candidate['endpoint']): Credit => {
      const known = credits.get(endpoint)
      if (known) return known
      const fresh = { value: 0 }
      credits.set(endpoint, fresh)
      return fresh
    }
    return {
      pick: <C extends Candidate>(eligible: readonly C[]): C | null => {
        let best: C | null = null
        let bestCredit: Credit | null = null
        let total = 0
        for (const candidate of eligible) {
          const credit = creditOf(candidate.endpoint)
          credit.value += candidate.weight
          total += candidate.weight
          if (bestCredit !== null && credit.value <= bestCredit.value) continue
          best = candidate
          bestCredit = credit
        }
        if (bestCredit !== null) bestCredit.value -= total
        return best
      },
      pickAgain: (untried) => drawByWeight(untried, random),
      save: (eligible) => {
        const before = eligible.map(({ endpoint }) => [creditOf(endpoint), creditOf(endpoint).value] as const)
        return () => {
          for (const [credit, value] of before) credit.value = value
        }
      },
    }
  },
}
