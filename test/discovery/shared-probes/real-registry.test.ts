import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { systemClock, systemRandom } from '../../../src/clock.ts'
import { InstanceCheckers } from '../../../src/discovery/instance-checkers.ts'
import { Pulse } from '../../../src/discovery/pulse.ts'
import { ProbeExchange } from '../../../src/discovery/shared-probes/probe-exchange.ts'
import { silentLogger as logger } from '../../../src/logging.ts'
import { openConsulRegistry } from '../../../src/registry/consul/consul-registry.ts'
import { HeldKeys } from '../../../src/registry/held-keys.ts'
import { startEmbedded } from '../../controlplane/embedded.ts'
import { skipWithoutConsul, startConsul } from '../../support/consul.ts'
import { healthPolicy } from '../../support/health-policy.ts'
import { mortalClock } from '../../support/mortal-clock.ts'
import { until } from '../../support/until.ts'
import { addressOf, range } from './probing-fleet.ts'

const random = systemRandom
const policy = healthPolicy({ shared: 2, everyMs: 300, timeoutMs: 200 })
const instances = range(12)

/** Who has sent the last probes of each instance. */
class Probers {
  readonly #sent: { instance: number; replica: string }[] = []

  note(instance: number, replica: string): void {
    this.#sent.push({ instance, replica })
  }

  clear(): void {
    this.#sent.length = 0
  }

  /** The replicas that probe each instance, as texts; an instance that nobody has probed since `clear` has none. */
  get byInstance(): readonly ReadonlySet<string>[] {
    return instances.map((at) => new Set(this.#sent.filter(({ instance }) => instance === at).map(({ replica }) => replica)))
  }

  get least(): number {
    return Math.min(...instances.map((at) => this.#sent.filter(({ instance }) => instance === at).length))
  }
}

function startReplica(t: TestContext, name: string, { address, probers, isUp }: World) {
  const { own: clock, kill } = mortalClock(systemClock)
  const registry = openConsulRegistry({ address, token: null, datacenter: null, clock, random, logger })
  const pulse = new Pulse({ registry, prefix: 'gateway', clock, random, logger })
  const exchange = new ProbeExchange({ registry, pulse, prefix: 'gateway', clock, logger })
  const probeOf = () => (target: { port: number }) => {
    probers.note(target.port - 1, name)
    return Promise.resolve({ ok: isUp(target.port - 1), detail: '' })
  }
  const checkers = new InstanceCheckers({
    upstream: 'shop',
    policy,
    exchange,
    probeOf,
    clock,
    random,
    logger,
    onChange: () => {},
  })
  pulse.knowAs(name, new HeldKeys(registry, name))
  checkers.follow(instances.map(addressOf), new Set())
  t.after(async () => {
    checkers.close()
    exchange.close()
    await registry.close()
  })
  return { checkers, kill }
}

interface World {
  readonly address: string
  readonly probers: Probers
  readonly isUp: (instance: number) => boolean
}

const registries = [
  { name: 'the embedded registry', skip: false, start: startEmbedded },
  {
    name: 'a real Consul',
    skip: skipWithoutConsul(),
    start: async () => {
      const consul = await startConsul()
      return { address: consul.address, close: () => consul.stop() }
    },
  },
]

for (const { name, skip, start } of registries) {
  describe(`replicas that share probes over ${name}`, { skip }, () => {
    it('probe each instance by two, agree on one that goes down, and stand in for one that dies', async (t) => {
      const { address, close } = await start()
      t.after(close)
      const probers = new Probers()
      const down = new Set<number>()
      const world = { address, probers, isUp: (instance: number) => !down.has(instance) }
      const replicas = ['a', 'b', 'c', 'd'].map((replica) => startReplica(t, replica, world))
      const arePairs = (): boolean => probers.least >= 3 && probers.byInstance.every(({ size }) => size === 2)
      const untilPairs = (): Promise<boolean> =>
        until('each instance has two observers', () => {
          if (arePairs()) return true
          if (probers.least >= 4) probers.clear()
          return false
        })
      await until('all are known', () => replicas.every(({ checkers }) => checkers.areSettled))
      await untilPairs()
      down.add(5)
      await until('all take it out', () => replicas.every(({ checkers }) => checkers.stateOf(addressOf(5)) === 'unhealthy'))
      assert.ok(replicas.every(({ checkers }) => checkers.stateOf(addressOf(6)) === 'healthy'))
      replicas[0]?.kill()
      probers.clear()
      await untilPairs()
      assert.ok(probers.byInstance.every((names) => !names.has('a')))
    })
  })
}
