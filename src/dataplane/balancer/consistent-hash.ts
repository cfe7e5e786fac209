import { z } from 'zod'
import { HASH_SEED, hashText, scoreOf } from '../rendezvous.ts'
import { compileRequestKey, requestKeyText } from '../request-key.ts'
import type { BalancerKind, Candidate } from './balancer.ts'
import { drawByWeight, totalWeight } from './draw.ts'

/** No endpoint gets more than its share of all attempts under way times this, while others have room. */
const LOAD_BOUND = 1.25

const options = z
  .strictObject({
    by: requestKeyText.default('client.ip').meta({
      description:
        'What requests are told apart by: `client.ip`, `path`, `header NAME` or `cookie NAME`. One without it goes anywhere, by weight.',
      default: 'client.ip',
      examples: ['header x-user'],
    }),
  })
  .meta({
    description:
      'Requests with the same key go to the same instance, as long as it has no more than 1.25 times its share of the requests under way.',
    examples: [{ by: 'header x-user' }],
  })

/**
 * Rendezvous hashing over the endpoints, with bounded load: who is full is passed over for the next one.
 * Source: Mirrokni et al., "Consistent Hashing with Bounded Loads".
 */
export const consistentHash: BalancerKind<z.infer<typeof options>> = {
  options,
  create: ({ by }, { random }) => {
    const keyOf = compileRequestKey(by)
    return {
      pick: <C extends Candidate>(eligible: readonly C[], asker: Parameters<typeof keyOf>[0]): C | null => {
        const key = keyOf(asker)
        if (key === undefined) return drawByWeight(eligible, random)
        const seed = hashText(HASH_SEED, key)
        const perWeight = (LOAD_BOUND * (1 + attemptsUnderWay(eligible))) / totalWeight(eligible)
        let best: C | null = null
        let bestScore = -1
        for (const candidate of eligible) {
          const { endpoint, weight } = candidate
          if (endpoint.inFlight >= Math.ceil(perWeight * weight)) continue
          const score = scoreOf(hashText(seed, endpoint.key), weight)
          if (score <= bestScore) continue
          best = candidate
          bestScore = score
        }
        return best
      },
    }
  },
}

function attemptsUnderWay(eligible: readonly Candidate[]): number {
  let sum = 0
  for (const { endpoint } of eligible) sum += endpoint.inFlight
  return sum
}
