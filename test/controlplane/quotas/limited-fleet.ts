import { FleetQuotas } from '../../../src/controlplane/quotas/fleet-quotas.ts'
import { createFilter } from '../../../src/dataplane/filters/table.ts'
import { Pulse } from '../../../src/discovery/pulse.ts'
import { silentLogger as logger } from '../../../src/logging.ts'
import { HeldKeys } from '../../../src/registry/held-keys.ts'
import { EventClock } from '../../support/event-clock.ts'
import { ask } from '../../support/filter.ts'
import { FleetRegistry } from '../../support/fleet-registry.ts'
import { mortalClock } from '../../support/mortal-clock.ts'
import { requestHead } from '../../support/request-head.ts'
import { seededRandom } from '../../support/seeded-random.ts'

/** One replica with a limit of the cluster, and requests that come to it. */
export interface LimitedReplica {
  /** Monotonic ms of each request that was let through. */
  readonly admittedAt: readonly number[]
  /** Of the limit, 0 … 1. */
  readonly part: () => number
  /** Requests per second that come from now on, at random, of one client. */
  readonly load: (perSecond: number, address?: string) => void
  /** One request; whether it was let through. */
  readonly call: (address: string) => boolean
  readonly cut: (isCut: boolean) => void
  /** It does nothing any more, and nobody is told. */
  readonly kill: () => void
}

/** Replicas that keep `rateLimit` together over one registry, on one clock of a simulation. */
export function limitedFleet({ seed, options }: { seed: number; options: Record<string, unknown> }) {
  const clock = new EventClock()
  const registry = new FleetRegistry(clock)
  const random = seededRandom(seed)
  const replicas: LimitedReplica[] = []

  /** `changed`: what its config says otherwise. */
  const start = (name = `gw-${replicas.length}`, changed: Record<string, unknown> = {}): LimitedReplica => {
    const { own, kill: end } = mortalClock(clock)
    const { registry: seen, cut } = registry.open()
    const pulse = new Pulse({ registry: seen, prefix: 'gateway', clock: own, random, logger })
    const quotas = new FleetQuotas({ registry: seen, prefix: 'gateway', pulse, clock: own, logger })
    const all = { scope: 'cluster', ...options, ...changed }
    const filter = createFilter({ kind: 'rateLimit', options: all }, { clock: own, random, logger })
    pulse.knowAs(name, new HeldKeys(seen, name))
    if (filter.quota) quotas.setQuotas([{ route: 'shop', at: 0, part: filter.quota }])
    const admittedAt: number[] = []
    let loads = 0
    const load = (perSecond: number, address?: string): void => {
      const turn = ++loads
      const next = (): void => {
        own.after((-Math.log(1 - random()) * 1000) / perSecond, () => {
          if (turn !== loads) return
          if (!ask(filter, requestHead(), address)) admittedAt.push(clock.monotonic())
          next()
        })
      }
      if (perSecond > 0) next()
    }
    const call = (address: string): boolean => !ask(filter, requestHead(), address)
    const kill = (): void => {
      end()
      cut(true)
    }
    const replica = { admittedAt, part: () => quotas.view()[0]?.ratio ?? 0, load, call, cut, kill }
    replicas.push(replica)
    return replica
  }
  return {
    clock,
    registry,
    start,
    /** How many requests all replicas have let through within a time. */
    admitted: (from: number, to = clock.monotonic()): number =>
      replicas.reduce((sum, { admittedAt }) => sum + admittedAt.filter((at) => at >= from && at < to).length, 0),
    /** What all who live and have not been killed use together. */
    used: (of: readonly LimitedReplica[] = replicas): number => of.reduce((sum, { part }) => sum + part(), 0),
  }
}
