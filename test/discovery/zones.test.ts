import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { builtIn } from '../../src/config/built-in.ts'
import type { UpstreamConfig, ZoneConfig } from '../../src/config/config.ts'
import { Discovery } from '../../src/discovery/discovery.ts'
import { OwnNode } from '../../src/discovery/own-node.ts'
import { ServiceWatches } from '../../src/discovery/service-watches.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import { startInstance } from '../support/instance.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { handRegistry, instance, keptLog } from '../controlplane/control-plane.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Two healthy instances, `a` and `b`, in the zones of these names: the one by its own meta, the other by its node's. */
async function start(zone: ZoneConfig, ownNodeMeta: () => Promise<Record<string, string>>) {
  const targets = [await startInstance('a'), await startInstance('b')]
  cleanups.push(...targets.map((target) => () => target.kill()))
  const [clock, log, registry] = [new ManualClock(), keptLog(), handRegistry()]

  const ownNode = new OwnNode({ registry: { ownNodeMeta }, clock, random, logger: log.logger })
  cleanups.push(() => ownNode.close())
  const config: UpstreamConfig = {
    name: 'shop',
    source: { kind: 'service', service: 'shop' },
    policy: builtIn.upstream,
    zone,
    health: builtIn.health,
    brake: builtIn.brake,
  }
  const upstream = new Upstream('shop', config.policy, { clock, random })
  const deps = { watches: new ServiceWatches(registry), ownNode, clock, random, logger: log.logger }
  const discovery = new Discovery(upstream, config, deps).start()
  cleanups.push(() => discovery.close())
  const [a, b] = targets.map(({ port }) => port)
  registry.list('shop', [
    instance('shop', a ?? 0, { id: 'a', meta: { zone: 'a' }, nodeMeta: { zone: 'other', rack: 'r1' } }),
    instance('shop', b ?? 0, { id: 'b', nodeMeta: { zone: 'b' } }),
  ])
  await until('both are eligible', () => upstream.members.eligible.length === 2)
  const preferred = (): string => upstream.members.preferred.map(({ id }) => id).join(' ')
  return { clock, log, upstream, discovery, preferred }
}

const random = (): number => 0.5

const unused = (): never => assert.fail('nobody should ask')

describe('the own zone', () => {
  it('comes before the others, by the meta of an instance or of its node, and the view tells who stands by', async () => {
    const { preferred, discovery } = await start({ own: 'a', key: 'zone' }, unused)
    assert.equal(preferred(), 'a')
    assert.deepEqual(
      discovery.view().map(({ id, zone, standby, eligible }) => [id, zone, standby, eligible]),
      [
        ['a', 'a', false, true],
        ['b', 'b', true, true],
      ],
    )
    discovery.setZone({ own: 'b', key: 'zone' })
    assert.equal(preferred(), 'b')
    discovery.setZone({ own: 'r1', key: 'rack' })
    assert.equal(preferred(), 'a')
    discovery.setZone(null)
    assert.equal(preferred(), 'a b')
  })

  it("is that of the registry's node if config names none; until it is known all are near", async () => {
    const answers: ((meta: Record<string, string> | Error) => void)[] = []
    const { preferred, clock, log } = await start(
      { own: null, key: 'zone' },
      () =>
        new Promise((resolve, reject) => {
          answers.push((meta) => (meta instanceof Error ? reject(meta) : resolve(meta)))
        }),
    )
    assert.equal(preferred(), 'a b')
    answers[0]?.(new Error('no agent'))
    await settle()
    assert.equal(log.of('registry.own_node_unknown').length, 1)
    assert.equal(preferred(), 'a b')
    await clock.advance(500)
    answers[1]?.({ zone: 'b' })
    await settle()
    assert.equal(preferred(), 'b')
  })

  it('without a value there sets nobody apart', async () => {
    const { preferred } = await start({ own: null, key: 'zone' }, async () => ({ rack: 'r1' }))
    await settle()
    assert.equal(preferred(), 'a b')
  })
})
