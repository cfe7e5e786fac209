import type { Random } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Balancer, BalancerKind } from './balancer.ts'
import { leastRequests } from './least-requests.ts'
import { roundRobin } from './round-robin.ts'
import { weighted } from './weighted.ts'

/** Every balancer by the name that `balance:` takes. To add one: one file, one line here. */
export const balancerTable = {
  'round-robin': roundRobin,
  weighted,
  'least-requests': leastRequests,
} as const satisfies Record<string, BalancerKind>

const kinds: Readonly<Record<string, BalancerKind>> = balancerTable

/** Makes a balancer with a state of its own, for one upstream. Throws `config_invalid` for a name that is not in the table. */
export function createBalancer(name: string, random: Random): Balancer {
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
  if (kind) return kind.create(random)
  throw new GatewayError('config_invalid', `there is no balancer "${name}"; there are ${Object.keys(kinds).join(', ')}`)
}
