import type { Random } from '../../src/clock.ts'
import type { Balancer, BalancerDeps, Candidate } from '../../src/dataplane/balancer/balancer.ts'
import { Burden } from '../../src/dataplane/balancer/burden.ts'
import { Latency } from '../../src/dataplane/balancer/latency.ts'
import { createBalancer } from '../../src/dataplane/balancer/table.ts'
import type { Asker } from '../../src/dataplane/exchange.ts'
import { ManualClock } from './manual-clock.ts'
import { requestHead } from './request-head.ts'
import { seededRandom } from './seeded-random.ts'

export interface TestCandidate extends Candidate {
  readonly endpoint: { readonly key: string; inFlight: number; readonly latency: Latency; readonly burden: Burden }
}

/** `e0`, `e1`, … with these weights. */
export function candidates(...weights: readonly number[]): TestCandidate[] {
  return weights.map((weight, i) => ({
    endpoint: { key: `e${i}`, inFlight: 0, latency: new Latency(), burden: new Burden() },
    weight,
  }))
}

/** A clock at 0 and random numbers of a seed. */
export function deps(seed: number): BalancerDeps & { readonly clock: ManualClock; readonly random: Random } {
  return { clock: new ManualClock(), random: seededRandom(seed) }
}

export function balancerOf(kind: string, seed: number, options: unknown = {}): Balancer {
  return createBalancer({ kind, options }, deps(seed))
}

/** A request of the client with that number: another address, and the same in the field `x-user` and the cookie `uid`. */
export function askerWith(client = 0): Asker {
  const headers = ['X-User', `user-${client}`, 'Cookie', `theme=dark; uid=u${client}; x=y`]
  const clientAddress = `10.${(client >> 16) & 255}.${(client >> 8) & 255}.${client & 255}`
  return { request: requestHead({ clientAddress, path: `/items/${client}`, headers }), trusted: false }
}

/** How often each was picked, by key. `pick` is told which pick it is. */
export function countPicks(times: number, pick: (at: number) => Candidate | null): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i < times; i++) {
    const key = pick(i)?.endpoint.key ?? 'none'
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}
