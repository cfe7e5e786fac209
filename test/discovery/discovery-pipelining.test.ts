import assert from 'node:assert/strict'
import { it } from 'node:test'
import { builtIn } from '../../src/config/built-in.ts'
import { Discovery } from '../../src/discovery/discovery.ts'
import { ServiceWatches } from '../../src/discovery/service-watches.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import { startInstance } from '../support/instance.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { until } from '../support/until.ts'
import { handRegistry, keptLog, noNode } from '../controlplane/control-plane.ts'

it('an instance that cannot take requests behind each other is told of once, with the reason, until the depth changes', async (context) => {
  const target = await startInstance('one')
  context.after(() => target.kill())
  const [clock, random, log] = [new ManualClock(), seededRandom(1), keptLog()]
  const policy = { ...builtIn.upstream, pipelining: 8 }
  const upstream = new Upstream('shop', policy, { clock, random })
  const instances = [{ address: { host: '127.0.0.1', port: target.port }, weight: 1, tags: [], meta: {} }]
  const config = {
    name: 'shop',
    source: { kind: 'static', instances },
    policy,
    zone: null,
    health: builtIn.health,
    brake: builtIn.brake,
  } as const
  const deps = { watches: new ServiceWatches(handRegistry()), ownNode: noNode, clock, random, logger: log.logger }
  const discovery = new Discovery(upstream, config, deps).start()
  context.after(() => discovery.close())
  const why = () => discovery.view()[0]?.pipeliningOff

  await until('it is eligible', () => upstream.members.eligible.length === 1)
  assert.equal(why(), null)
  const endpoint = upstream.members.eligible[0]?.endpoint ?? assert.fail()
  endpoint.onPipelineFault('it answers in HTTP/1.0')
  endpoint.onPipelineFault('something else')
  assert.equal(why(), 'it answers in HTTP/1.0')
  assert.equal(endpoint.pipelining.depth, 1)
  assert.equal(upstream.stats.pipeliningOff, 1)
  assert.deepEqual(
    log.of('endpoint.pipelining_off').map(({ address, reason }) => [address, reason]),
    [[`127.0.0.1:${target.port}`, 'it answers in HTTP/1.0']],
  )
  upstream.setPolicy({ ...policy, pipelining: 4 })
  assert.equal(why(), null)
  assert.equal(endpoint.pipelining.depth, 4)
})
