import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { MeshDirectory } from '../../src/discovery/mesh-directory.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { handRegistry, instance, startControlPlane } from '../controlplane/control-plane.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function start(file = '') {
  const clock = new ManualClock()
  const registry = handRegistry()
  const plane = startControlPlane(file, { clock, registry })
  const { upstreams, reconciler } = plane
  const directory = new MeshDirectory({ registry, upstreams, clock, hot: () => reconciler.hot }).start()
  cleanups.push(
    () => plane.close(),
    () => directory.close(),
  )
  const names = (): readonly string[] => [...upstreams.rows].map(({ upstream }) => upstream.name)
  return { clock, registry, plane, directory, names }
}

async function startTarget(name: string): Promise<TestInstance> {
  const target = await startInstance(name)
  cleanups.push(() => target.kill())
  return target
}

describe('a name', () => {
  it('that is no service of the registry is nobody, and leaves nothing behind', () => {
    const { directory, registry, names } = start()
    registry.listServices(['orders'])
    for (const name of ['example.com', '127.0.0.1', 'localhost', '', '__proto__', 'constructor'])
      assert.equal(directory.find(name), null)
    for (let invented = 0; invented < 1_000; invented++) assert.equal(directory.find(`invented-${invented}`), null)
    assert.deepEqual([names(), registry.watched], [[], []])
  })

  it('may be a service as long as the registry has not told its services', () => {
    const { directory } = start()
    assert.throws(() => directory.find('orders'), { code: 'upstream_unknown' })
  })

  it('of the servers of Consul itself is nobody', () => {
    const { directory, registry } = start()
    registry.listServices(['consul', 'orders'])
    assert.equal(directory.find('consul'), null)
  })

  it('of a declared upstream is that one, also before the registry has told its services', async () => {
    const { directory, plane } = start('upstreams: { Shop: { instances: ["127.0.0.1:1"] } }')
    const row = plane.upstreams.find('Shop')
    await row?.discovery.whenSettled(new AbortController().signal)
    assert.equal(directory.find('Shop'), row?.upstream)
    assert.equal(directory.find('shop'), row?.upstream, 'host names have no case')
  })

  it('in other case is the service, unless another one is called exactly that', () => {
    const { directory, registry, names } = start()
    registry.listServices(['Orders', 'Both', 'both'])
    void directory.find('orders')
    assert.deepEqual(names(), ['Orders'])
    void directory.find('Both')
    void directory.find('both')
    assert.deepEqual(names(), ['Orders', 'Both', 'both'])
    void directory.find('ORDERS')
    assert.deepEqual(names(), ['Orders', 'Both', 'both'])
  })
})

describe('the first call to a service', () => {
  it('waits for its instances and their first probes', async () => {
    const target = await startTarget('orders')
    const { directory, registry } = start()
    registry.listServices(['orders'])
    const found = directory.find('orders')
    assert.ok(found instanceof Promise)
    registry.list('orders', [instance('orders', target.port)])
    const upstream = await found
    assert.equal(upstream?.members.eligible.length, 1)
    assert.equal(directory.find('orders'), upstream, 'the next call does not wait')
  })

  it('waits two seconds at most, and leaves no timer behind', async () => {
    const { directory, registry, clock } = start()
    registry.listServices(['orders'])
    const found = Promise.resolve(directory.find('orders'))
    let done = false
    void found.then(() => (done = true))
    await clock.advance(1_999)
    assert.equal(done, false)
    await clock.advance(1)
    assert.equal((await found)?.members.known, false)
    assert.equal(clock.pending, 0)
  })

  it('uses the defaults of the config in force', async () => {
    const { directory, registry, plane } = start('defaults: { balance: least-requests }')
    registry.listServices(['orders'])
    void directory.find('orders')
    assert.equal(plane.upstreams.find('orders')?.upstream.policy.balance.kind, 'least-requests')
    plane.setFile('defaults: { balance: weighted }')
    assert.equal(plane.upstreams.find('orders')?.upstream.policy.balance.kind, 'weighted')
  })

  it('shares its upstream with all calls that wait', async () => {
    const { directory, registry, clock } = start()
    registry.listServices(['orders'])
    const calls = Array.from({ length: 50 }, () => Promise.resolve(directory.find('orders')))
    await clock.advance(2_000)
    assert.equal(new Set(await Promise.all(calls)).size, 1)
    assert.deepEqual(registry.watched, ['orders'])
  })
})

describe('a call', () => {
  it('does not wait for the first probe of one instance while another one is eligible', async () => {
    const target = await startTarget('orders')
    const { directory, registry } = start()
    registry.listServices(['orders'])
    registry.list('orders', [])
    const found = directory.find('orders')
    registry.list('orders', [instance('orders', target.port)])
    await found
    registry.list('orders', [instance('orders', target.port), instance('orders', 1, { address: { host: '192.0.2.1', port: 1 } })])
    assert.ok(directory.find('orders') instanceof Upstream)
  })
})

describe('a service that leaves the registry', () => {
  it('is forgotten with its upstream, and found again when it comes back', () => {
    const { directory, registry, names } = start()
    registry.listServices(['orders', 'other'])
    void directory.find('orders')
    registry.listServices(['other'])
    assert.deepEqual([names(), registry.watched, directory.find('orders')], [[], [], null])
    registry.listServices(['orders'])
    void directory.find('orders')
    assert.deepEqual(names(), ['orders'])
  })

  it('goes on for a route that has come to use it meanwhile', async () => {
    const target = await startTarget('orders')
    const { directory, registry, plane } = start()
    registry.listServices(['orders'])
    void directory.find('orders')
    plane.setFile('routes: [/orders/* -> orders]')
    registry.list('orders', [])
    registry.listServices([])
    registry.list('orders', [instance('orders', target.port)])
    const upstream = plane.gateway.snapshot.routes[0]?.to[0]?.upstream
    assert.equal(upstream?.members.all.length, 1)
    assert.equal(directory.find('orders') instanceof Promise, true)
  })

  it('stays in use by name when the route that used it is gone', () => {
    const { directory, registry, plane, names } = start()
    registry.listServices(['orders'])
    void directory.find('orders')
    plane.setFile('routes: [/orders/* -> orders]')
    plane.setFile('')
    assert.deepEqual(names(), ['orders'])
    assert.deepEqual(registry.watched, ['orders'])
  })
})
