import { z } from 'zod'
import { GatewayError } from '../../errors.ts'
import type { Balancer, BalancerDeps, BalancerKind, BalancerSpec } from './balancer.ts'
import { consistentHash } from './consistent-hash.ts'
import { leastRequests } from './least-requests.ts'
import { peakEwma } from './peak-ewma.ts'
import { random } from './random.ts'
import { roundRobin } from './round-robin.ts'
import { twoChoices } from './two-choices.ts'
import { weighted } from './weighted.ts'

/** Every balancer by the name that `balance:` takes. To add one: one file, one line here. */
export const balancerTable = {
  'round-robin': roundRobin,
  weighted,
  'least-requests': leastRequests,
  random,
  'two-choices': twoChoices,
  'peak-ewma': peakEwma,
  'consistent-hash': consistentHash,
} as const

const kinds: Readonly<Record<string, BalancerKind<unknown>>> = balancerTable

/** Makes a balancer with a state of its own. Throws `config_invalid` for a kind that is not in the table and for options that its schema refuses. */
export function createBalancer({ kind, options }: BalancerSpec, deps: BalancerDeps): Balancer {
  const found = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
  if (!found) {
    throw new GatewayError('config_invalid', `there is no balancer "${kind}"; there are ${Object.keys(kinds).join(', ')}`)
  }
  const parsed = found.options.safeParse(options)
  if (parsed.success) return found.create(parsed.data, deps)
  throw new GatewayError('config_invalid', `balancer ${kind}: ${z.prettifyError(parsed.error)}`, { cause: parsed.error })
}
