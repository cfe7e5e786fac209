import { formatAddress, type Address } from '../../../src/address.ts'
import { InstanceCheckers } from '../../../src/discovery/instance-checkers.ts'
import { Pulse } from '../../../src/discovery/pulse.ts'
import { ProbeExchange } from '../../../src/discovery/shared-probes/probe-exchange.ts'
import type { HealthPolicy } from '../../../src/health/policy.ts'
import { silentLogger } from '../../../src/logging.ts'
import { HeldKeys } from '../../../src/registry/held-keys.ts'
import { EventClock } from '../../support/event-clock.ts'
import { FleetRegistry, type FleetRegistryView } from '../../support/fleet-registry.ts'
import { healthPolicy } from '../../support/health-policy.ts'
import { mortalClock } from '../../support/mortal-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

/** One probe of the simulation. */
export interface Sent {
  readonly at: number
  readonly replica: string
  readonly instance: number
}

export interface SimulatedReplica extends Omit<FleetRegistryView, 'registry'> {
  readonly name: string
  readonly checkers: InstanceCheckers
  /** It does nothing any more, and nobody is told. */
  kill(): void
  /** It goes in good order. */
  leave(): Promise<void>
}

/** What an instance answers, to whom: true passes. */
export type World = (instance: number, replica: string) => boolean

const logger = silentLogger

const allUp: World = () => true

/** Where the simulation has its instances. */
export function addressOf(instance: number): Address {
  return { host: '10.0.0.1', port: instance + 1 }
}

/** Replicas that probe the same instances of one upstream over one registry, on one clock of a simulation. */
export function probingFleet({
  seed,
  instances,
  policy: parts,
}: {
  seed: number
  instances: number
  policy?: Partial<HealthPolicy>
}) {
  const clock = new EventClock()
  const registry = new FleetRegistry(clock)
  const random = seededRandom(seed)
  const policy = healthPolicy({ shared: 2, ...parts })
  const sent: Sent[] = []
  /** The monotonic ms of each change, by replica and instance. */
  const changes: { at: number; replica: string; instance: number; state: string }[] = []
  let world = allUp

  const start = (name: string, of: readonly number[] = range(instances), upstream = 'shop'): SimulatedReplica => {
    const { own, kill: end } = mortalClock(clock)
    const { registry: seen, ...line } = registry.open()
    const deps = { registry: seen, prefix: 'gateway', clock: own, random, logger }
    const pulse = new Pulse(deps)
    const exchange = new ProbeExchange({ ...deps, pulse })
    const heldKeys = new HeldKeys(seen, name)
    const keys = of.map((instance) => formatAddress(addressOf(instance)))
    const states = new Map<number, string>()
    const checkers = new InstanceCheckers({
      upstream,
      policy,
      exchange,
      probeOf: () => (target) => {
        const instance = target.port - 1
        sent.push({ at: clock.monotonic(), replica: name, instance })
        const ok = world(instance, name)
        return new Promise((resolve) => own.after(2, () => resolve({ ok, detail: ok ? 'HTTP 200' : 'HTTP 500' })))
      },
      clock: own,
      random,
      logger,
      onChange: () => {
        for (const instance of of) {
          const state = checkers.get(keys[instance] ?? '')?.state ?? 'unknown'
          if (state === (states.get(instance) ?? 'unknown')) continue
          states.set(instance, state)
          changes.push({ at: clock.monotonic(), replica: name, instance, state })
        }
      },
    })
    pulse.knowAs(name, heldKeys)
    checkers.follow(of.map(addressOf), new Set())
    return {
      name,
      checkers,
      ...line,
      kill: () => {
        end()
        line.cut(true)
      },
      leave: async () => {
        checkers.close()
        exchange.close()
        const closing = pulse.close()
        await clock.advance(100)
        await closing
        await heldKeys.close()
      },
    }
  }
  return {
    clock,
    registry,
    policy,
    sent,
    changes,
    start,
    setWorld: (next: World) => void (world = next),
    /** Which replicas have probed an instance since a time. */
    probersOf: (instance: number, since: number) =>
      new Set(sent.filter((probe) => probe.instance === instance && probe.at >= since).map(({ replica }) => replica)),
  }
}

export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at)
}
