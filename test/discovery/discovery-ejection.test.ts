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
import { handRegistry, instance, keptLog, noNode } from '../controlplane/control-plane.ts'

it('an instance that fails real requests is told with what is left of its time, which a passing probe does not shorten', async (context) => {
  const target = await startInstance('one')
  context.after(() => target.kill())
  const [clock, random, registry, log] = [new ManualClock(), seededRandom(1), handRegistry(), keptLog()]
  const on = { connect: true, reset: true, timeout: true, statuses: [] }
  const policy = { ...builtIn.upstream, outlier: { ...builtIn.outlier, consecutive: 1, ejectMs: 30_000, maxEjectedRatio: 1, on } }
  const upstream = new Upstream('shop', policy, { clock, random })
  const source = { kind: 'service', service: 'shop' } as const
  const config = { name: 'shop', source, policy, zone: null, health: builtIn.health, brake: builtIn.brake }
  const deps = { watches: new ServiceWatches(registry), ownNode: noNode, clock, random, logger: log.logger }
  const discovery = new Discovery(upstream, config, deps).start()
  context.after(() => discovery.close())
  const seen = () => discovery.view()[0]

  registry.list('shop', [instance('shop', target.port)])
  await until('it is eligible', () => upstream.members.eligible.length === 1)
  const [member] = upstream.members.eligible
  assert.ok(member)
  upstream.noteFailure(member.endpoint, { code: 'upstream_reset', detail: '' })
  assert.equal(seen()?.exclusion, 'ejected')
  await clock.advance(12_000)
  assert.equal(seen()?.ejectedForMs, 18_000)
  assert.equal(seen()?.probe.state, 'healthy')
  assert.match(log.of('endpoint.ejected')[0]?.msg ?? '', /ejected for 30s/)
  await clock.advance(18_000)
  await until('it is back', () => upstream.members.eligible.length === 1)
  assert.deepEqual([seen()?.exclusion, seen()?.ejectedForMs], [null, null])
})
