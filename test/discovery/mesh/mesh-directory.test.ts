import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { Upstream } from '../../../src/dataplane/upstream/upstream.ts'
import { instance } from '../../controlplane/control-plane.ts'
import { cleanUp, codeOf, startDirectory, startTarget, upstreamIn } from './directory-harness.ts'

afterEach(cleanUp)

describe('a name', () => {
  it('that is no service of the registry is nobody, and leaves nothing behind', () => {
    const { directory, registry, names } = startDirectory()
    registry.listServices(['orders'])
    for (const name of ['example.com', '127.0.0.1', 'localhost', '', '__proto__', 'constructor'])
      assert.equal(codeOf(directory.find(name, null)), 'service_unknown')
    for (let invented = 0; invented < 1_000; invented++)
      assert.equal(codeOf(directory.find(`invented-${invented}`, null)), 'service_unknown')
    assert.deepEqual([names(), registry.watched], [[], []])
  })

  it('may be a service as long as the registry has not told its services', () => {
    const { directory } = startDirectory()
    assert.equal(codeOf(directory.find('orders', null)), 'upstream_unknown')
  })

  it('of the servers of Consul itself is nobody', () => {
    const { directory, registry } = startDirectory()
    registry.listServices(['consul', 'orders'])
    assert.equal(codeOf(directory.find('consul', null)), 'service_unknown')
  })

  it('of a declared upstream is that one, also before the registry has told its services', async () => {
    const { directory, plane } = startDirectory('upstreams: { Shop: { instances: ["127.0.0.1:1"] } }')
    const row = plane.upstreams.find('Shop')
    await row?.discovery.whenSettled(new AbortController().signal)
    assert.equal(directory.find('Shop', null), row?.upstream)
    assert.equal(directory.find('shop', null), row?.upstream, 'host names have no case')
  })

  it('in other case is the service, unless another one is called exactly that', () => {
    const { directory, registry, names } = startDirectory()
    registry.listServices(['Orders', 'Both', 'both'])
    void directory.find('orders', null)
    assert.deepEqual(names(), ['Orders'])
    void directory.find('Both', null)
    void directory.find('both', null)
    assert.deepEqual(names(), ['Orders', 'Both', 'both'])
    void directory.find('ORDERS', null)
    assert.deepEqual(names(), ['Orders', 'Both', 'both'])
  })
})

describe('the first call to a service', () => {
  it('waits for its instances and their first probes', async () => {
    const target = await startTarget('orders')
    const { directory, registry } = startDirectory()
    registry.listServices(['orders'])
    const found = directory.find('orders', null)
    assert.ok(found instanceof Promise)
    registry.list('orders', [instance('orders', target.port)])
    const upstream = upstreamIn(await found)
    assert.equal(upstream.members.eligible.length, 1)
    assert.equal(directory.find('orders', null), upstream, 'the next call does not wait')
  })

  it('waits two seconds at most, and leaves no timer behind', async () => {
    const { directory, registry, clock } = startDirectory()
    registry.listServices(['orders'])
    const before = clock.pending
    const found = Promise.resolve(directory.find('orders', null))
    let done = false
    void found.then(() => (done = true))
    await clock.advance(1_999)
    assert.equal(done, false)
    await clock.advance(1)
    assert.equal(upstreamIn(await found).members.known, false)
    assert.equal(clock.pending, before + 1, 'and the one that drops who is idle')
  })

  it('uses the defaults of the config in force', async () => {
    const { directory, registry, plane } = startDirectory('defaults: { balance: least-requests }')
    registry.listServices(['orders'])
    void directory.find('orders', null)
    assert.equal(plane.upstreams.find('orders')?.upstream.policy.balance.kind, 'least-requests')
    plane.setFile('defaults: { balance: weighted }')
    assert.equal(plane.upstreams.find('orders')?.upstream.policy.balance.kind, 'weighted')
  })

  it('shares its upstream with all calls that wait', async () => {
    const { directory, registry, clock } = startDirectory()
    registry.listServices(['orders'])
    const calls = Array.from({ length: 50 }, () => Promise.resolve(directory.find('orders', null)))
    await clock.advance(2_000)
    assert.equal(new Set(await Promise.all(calls.map((call) => Promise.resolve(call)))).size, 1)
    assert.deepEqual(registry.watched, ['orders'])
  })
})

describe('a call', () => {
  it('does not wait for the first probe of one instance while another one is eligible', async () => {
    const target = await startTarget('orders')
    const { directory, registry } = startDirectory()
    registry.listServices(['orders'])
    registry.list('orders', [])
    const found = directory.find('orders', null)
    registry.list('orders', [instance('orders', target.port)])
    await found
    registry.list('orders', [instance('orders', target.port), instance('orders', 1, { address: { host: '192.0.2.1', port: 1 } })])
    assert.ok(directory.find('orders', null) instanceof Upstream)
  })
})

describe('a service that leaves the registry', () => {
  it('is forgotten with its upstream, and found again when it comes back', () => {
    const { directory, registry, names } = startDirectory()
    registry.listServices(['orders', 'other'])
    void directory.find('orders', null)
    registry.listServices(['other'])
    assert.deepEqual([names(), registry.watched, codeOf(directory.find('orders', null))], [[], [], 'service_unknown'])
    registry.listServices(['orders'])
    void directory.find('orders', null)
    assert.deepEqual(names(), ['orders'])
  })

  it('goes on for a route that has come to use it meanwhile', async () => {
    const target = await startTarget('orders')
    const { directory, registry, plane } = startDirectory()
    registry.listServices(['orders'])
    void directory.find('orders', null)
    plane.setFile('routes: [/orders/* -> orders]')
    registry.list('orders', [])
    registry.listServices([])
    registry.list('orders', [instance('orders', target.port)])
    const upstream = plane.gateway.snapshot.routes[0]?.to[0]?.upstream
    assert.equal(upstream?.members.all.length, 1)
    assert.equal(directory.find('orders', null) instanceof Promise, true)
  })

  it('stays in use by name when the route that used it is gone', () => {
    const { directory, registry, plane, names } = startDirectory()
    registry.listServices(['orders'])
    void directory.find('orders', null)
    plane.setFile('routes: [/orders/* -> orders]')
    plane.setFile('')
    assert.deepEqual(names(), ['orders'])
    assert.deepEqual(registry.watched, ['orders'])
  })
})

describe('a name that is not there', () => {
  it('is told with the services and upstreams that it may have been meant for', () => {
    const { directory, registry } = startDirectory('upstreams: { order: { instances: ["127.0.0.1:1"] } }')
    registry.listServices(['orders', 'reports', 'consul'])
    const found = directory.find('ordes', null)
    assert.ok('near' in found)
    assert.deepEqual(found.near, ['orders', 'order'])
  })
})
