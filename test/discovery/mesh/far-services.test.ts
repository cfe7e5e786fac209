import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { MeshDirectory } from '../../../src/discovery/mesh/mesh-directory.ts'
import { GatewayError } from '../../../src/errors.ts'
import { settle } from '../../support/manual-clock.ts'
import { instance } from '../../controlplane/control-plane.ts'
import { cleanUp, cleanups, codeOf, startDirectory, startTarget, upstreamIn } from './directory-harness.ts'

afterEach(cleanUp)

describe('a service of another datacenter', () => {
  it('is looked up there, and again without asking for the datacenters', async () => {
    const target = await startTarget('far')
    const { directory, registry, names } = startDirectory('', ['dc1', 'DC2'])
    registry.listServices(['near'])
    const found = Promise.resolve(directory.find('orders', 'dc2'))
    await settle()
    registry.listServices(['orders'], 'DC2')
    await settle()
    assert.deepEqual(registry.watched, ['orders@dc2'])
    registry.list('orders@dc2', [instance('orders', target.port)])
    const upstream = upstreamIn(await found)
    assert.equal(directory.find('orders', 'dc2'), upstream)
    assert.deepEqual([names(), registry.askedForDatacenters], [['orders@dc2'], 1])
    registry.list('orders@dc2', [])
    registry.listServices([], 'DC2')
    assert.deepEqual([names(), registry.watched], [[], []], 'and is forgotten when it leaves there')
  })

  it('is waited for by all first calls together, as long as one would wait', async () => {
    const { directory, registry, clock } = startDirectory('', ['dc1', 'dc2'])
    const warnings: unknown[] = []
    const onWarning = (warning: unknown): void => void warnings.push(warning)
    process.on('warning', onWarning)
    const calls = Array.from({ length: 50 }, async () => directory.find('orders', 'dc2'))
    await settle()
    const timers = clock.pending
    await clock.advance(2_000)
    assert.deepEqual(new Set((await Promise.all(calls)).map(codeOf)), new Set(['upstream_unknown']))
    assert.deepEqual([timers - clock.pending, registry.askedForDatacenters, warnings], [1, 1, []])
    assert.equal(codeOf(await directory.find('orders', 'dc2')), 'upstream_unknown', 'later ones do not wait')
    process.off('warning', onWarning)
  })

  it('is not there if the datacenter is not, however many are invented', async () => {
    const { directory, registry, names } = startDirectory('', ['dc1', 'dc2'])
    registry.listServices(['orders'])
    for (let invented = 0; invented < 100; invented++) {
      const found = await directory.find('orders', `dc-${invented}`)
      assert.ok('hint' in found)
      assert.deepEqual([found.code, found.hint], ['service_unknown', `There is no datacenter "dc-${invented}".`])
    }
    assert.deepEqual([names(), registry.watched, registry.askedForDatacenters], [[], [], 1])
  })

  it('is one of ours if that is our own datacenter', async () => {
    const { directory, registry, names } = startDirectory('', ['dc1'])
    registry.listServices(['orders'])
    const found = Promise.resolve(directory.find('orders', 'dc1'))
    await settle()
    registry.list('orders', [])
    assert.equal(upstreamIn(await found).name, 'orders')
    assert.equal(directory.find('orders', 'dc1'), directory.find('orders', null))
    assert.deepEqual(names(), ['orders'])
  })

  it('keeps where it comes from when the config changes around it', async () => {
    const { directory, registry, plane } = startDirectory('', ['dc1', 'dc2'])
    registry.listServices([])
    void directory.find('orders', 'dc2')
    await settle()
    registry.listServices(['orders'], 'dc2')
    await settle()
    const row = plane.upstreams.find('orders@dc2')
    plane.setFile('defaults: { balance: random }')
    const after = plane.upstreams.find('orders@dc2')
    assert.deepEqual(
      [after?.upstream === row?.upstream, after?.config.source],
      [true, { kind: 'service', service: 'orders', datacenter: 'dc2' }],
    )
    assert.equal(after?.upstream.policy.balance.kind, 'random')
  })

  it('may be there as long as the registry does not say which datacenters there are', async () => {
    const { plane, registry, clock } = startDirectory()
    const away = { ...registry, datacenters: () => Promise.reject(new GatewayError('registry_unavailable', 'away')) }
    const directory = new MeshDirectory({
      registry: away,
      upstreams: plane.upstreams,
      clock,
      hot: () => plane.reconciler.hot,
      limits: () => plane.reconciler.hot.mesh,
    }).start()
    cleanups.push(() => directory.close())
    assert.equal(codeOf(await directory.find('orders', 'dc2')), 'upstream_unknown')
  })

  it('is one of so many datacenters at the most', async () => {
    const others = Array.from({ length: 9 }, (_, at) => `far${at}`)
    const { directory } = startDirectory('', ['dc1', ...others])
    const calls = others.map((datacenter) => Promise.resolve(directory.find('orders', datacenter)))
    assert.equal(codeOf(await (calls[8] as (typeof calls)[number])), 'mesh_full')
  })
})
