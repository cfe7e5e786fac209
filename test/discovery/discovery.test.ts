import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { until } from '../support/until.ts'
import { instance } from '../controlplane/control-plane.ts'
import { service, startDiscovery as start, startTarget } from './discovery-harness.ts'

describe('an instance', () => {
  it('gets no traffic before its first passing probe, which goes out at once', async () => {
    const target = await startTarget()
    const { list, eligible, exclusions, upstream } = start()
    assert.equal(upstream.members.known, false)
    list(instance('shop', target.port, { id: 'one' }))
    assert.deepEqual(exclusions(), { one: 'unprobed' })
    assert.deepEqual([upstream.members.known, eligible()], [true, []])
    await until('it is eligible', () => eligible().includes('one'))
    assert.deepEqual(exclusions(), { one: null })
  })

  it('that nobody listens for gets none, and the reason is told', async () => {
    const target = await startTarget()
    await target.close()
    const { list, eligible, exclusions, discovery, log } = start()
    list(instance('shop', target.port, { id: 'dead' }))
    await until('the probe has failed', () => exclusions()['dead'] === 'probe_failing')
    assert.deepEqual(eligible(), [])
    const [view] = discovery.view()
    assert.deepEqual([view?.eligible, view?.probe.state], [false, 'unhealthy'])
    assert.match(view?.probe.detail ?? '', /ECONNREFUSED/)
    assert.match(log.of('endpoint.unhealthy')[0]?.msg ?? '', /ECONNREFUSED/)
  })

  it('that the registry calls critical, in maintenance, or gives no weight gets none, however well it answers', async () => {
    const target = await startTarget()
    const { list, eligible, exclusions } = start()
    const listed = (changes: Parameters<typeof instance>[2]) => list(instance('shop', target.port, { id: 'one', ...changes }))
    listed({})
    await until('it is eligible', () => eligible().length === 1)
    for (const [changes, exclusion] of [
      [{ status: 'critical' }, 'registry_critical'],
      [{ status: 'maintenance' }, 'maintenance'],
      [{ weight: 0 }, 'weight_zero'],
    ] as const) {
      listed(changes)
      assert.deepEqual([exclusions(), eligible()], [{ one: exclusion }, []])
    }
    listed({ status: 'warning' })
    assert.deepEqual(eligible(), ['one'])
  })

  it('that leaves the registry is no longer probed', async () => {
    const target = await startTarget()
    const { list, eligible, clock, discovery } = start()
    list(instance('shop', target.port))
    await until('it is eligible', () => eligible().length === 1)
    await clock.advance(1_000)
    await until('it is probed again', () => target.probes() === 2)
    list()
    assert.deepEqual([eligible(), discovery.view(), clock.pending], [[], [], 0])
    await clock.advance(10_000)
    assert.equal(target.probes(), 2)
  })

  it('that moves under the same id is judged anew at its new address', async () => {
    const [before, after] = [await startTarget(), await startTarget()]
    const { list, eligible, exclusions, upstream } = start()
    list(instance('shop', before.port, { id: 'one' }))
    await until('it is eligible', () => eligible().length === 1)
    list(instance('shop', after.port, { id: 'one' }))
    assert.deepEqual(exclusions(), { one: 'unprobed' })
    await until('it is eligible again', () => eligible().length === 1)
    assert.equal(upstream.members.all[0]?.endpoint.address.port, after.port)
  })

  it('at the address of another one shares its probes and its endpoint', async () => {
    const target = await startTarget()
    const { list, eligible, upstream } = start()
    list(instance('shop', target.port, { id: 'one' }), instance('shop', target.port, { id: 'two', weight: 3 }))
    await until('both are eligible', () => eligible().length === 2)
    assert.equal(target.probes(), 1)
    const [one, two] = upstream.members.all
    assert.equal(one?.endpoint, two?.endpoint)
    list(instance('shop', target.port, { id: 'two' }))
    assert.deepEqual(eligible(), ['two'], 'the one that stays keeps its verdict')
  })

  for (const [what, address] of [
    ['with a space', { host: 'bad host', port: 80 }],
    ['that is no IPv4 address', { host: '999.1.1.1', port: 80 }],
    ['with a path', { host: 'a/b', port: 80 }],
    ['with userinfo', { host: 'user@host', port: 80 }],
    ['with a zone', { host: 'fe80::1%eth0', port: 80 }],
    ['that is empty', { host: '', port: 80 }],
    ['without a port', { host: '127.0.0.1', port: 0 }],
    ['with a port below zero', { host: '127.0.0.1', port: -1 }],
    ['with a port that is too great', { host: '127.0.0.1', port: 70000 }],
  ] as const) {
    it(`with an address ${what} is told as such and does not keep the others from serving`, async () => {
      const target = await startTarget()
      const { list, eligible, exclusions, discovery } = start()
      list(instance('shop', 1, { id: 'bad', address }), instance('shop', target.port, { id: 'good' }))
      await until('the other one is eligible', () => eligible().includes('good'))
      assert.deepEqual(exclusions(), { bad: 'bad_address', good: null })
      assert.equal(discovery.isSettled, true)
    })
  }
})

describe('the registry', () => {
  it('changes nothing by failing, and the probes go on', async () => {
    const target = await startTarget()
    const { list, eligible, registry, discovery, clock } = start()
    list(instance('shop', target.port, { id: 'one' }))
    await until('it is eligible', () => eligible().length === 1)
    registry.fail(new GatewayError('registry_timeout', 'no answer'))
    assert.deepEqual(eligible(), ['one'])
    assert.equal(discovery.lastError?.code, 'registry_timeout')
    await target.close()
    await clock.advance(1_000)
    await until('the probe has failed', () => eligible().length === 0)
    list(instance('shop', target.port, { id: 'one' }))
    assert.equal(discovery.lastError, null)
  })

  it('that lists nobody is believed', async () => {
    const target = await startTarget()
    const { list, eligible, upstream } = start()
    list(instance('shop', target.port))
    await until('it is eligible', () => eligible().length === 1)
    list()
    assert.deepEqual([upstream.members.all, upstream.members.known], [[], true])
  })

  it('that says the same again does not replace the members', async () => {
    const target = await startTarget()
    const { list, eligible, upstream } = start()
    list(instance('shop', target.port))
    await until('it is eligible', () => eligible().length === 1)
    const { members } = upstream
    list(instance('shop', target.port, { tags: [...(members.all[0]?.tags ?? [])] }))
    assert.equal(upstream.members, members)
  })

  it('that says other tags replaces the members, which subsets are made of', async () => {
    const target = await startTarget()
    const { list, eligible, upstream } = start()
    list(instance('shop', target.port))
    await until('it is eligible', () => eligible().length === 1)
    list(instance('shop', target.port, { tags: ['new'], meta: { version: 'v2' } }))
    assert.deepEqual(upstream.members.eligible[0]?.tags, ['new'])
    assert.deepEqual(upstream.members.eligible[0]?.meta, { version: 'v2' })
  })
})

describe('probes', () => {
  it('go out at once when an attempt had trouble', async () => {
    const target = await startTarget()
    const { list, eligible, upstream, clock } = start()
    list(instance('shop', target.port))
    await until('it is eligible', () => eligible().length === 1)
    await target.close()
    const endpoint = upstream.members.all[0]?.endpoint
    assert.ok(endpoint)
    upstream.noteFailure(endpoint, { code: 'upstream_connect_failed', detail: '' })
    await clock.advance(100)
    await until('it is out', () => eligible().length === 0)
    assert.equal(clock.monotonic(), 100, 'no scheduled probe was due')
  })

  it('keep their verdicts when the policy changes', async () => {
    const target = await startTarget()
    const { list, eligible, discovery, clock } = start()
    list(instance('shop', target.port))
    await until('it is eligible', () => eligible().length === 1)
    discovery.setConfig({ ...service, health: { ...service.health, everyMs: 200, unhealthy: 2 } }, service)
    assert.equal(eligible().length, 1)
    await target.close()
    await clock.advance(200)
    await until('one probe has failed', () => discovery.view()[0]?.probe.detail.includes('ECONNREFUSED'))
    assert.equal(eligible().length, 1, 'one failure is not enough now')
    await clock.advance(200)
    await until('it is out', () => eligible().length === 0)
  })
})

describe('settled', () => {
  const enough = new AbortController().signal

  it('is what an upstream becomes when all instances have had their first probe, also a failing one', async () => {
    const [alive, dead] = [await startTarget(), await startTarget()]
    await dead.close()
    const { list, discovery } = start()
    assert.equal(discovery.isSettled, false)
    let settled = false
    const waiting = discovery.whenSettled(enough).then(() => (settled = true))
    list(instance('shop', alive.port), instance('shop', dead.port))
    assert.deepEqual([discovery.isSettled, settled], [false, false])
    await waiting
    assert.equal(discovery.isSettled, true)
  })

  it('is an upstream without instances as soon as the registry has said so', async () => {
    const { list, discovery } = start()
    const waiting = discovery.whenSettled(enough)
    list()
    await waiting
    assert.equal(discovery.isSettled, true)
  })

  it('is no longer awaited when the caller has had enough, or at close', async () => {
    const { discovery } = start()
    const caller = new AbortController()
    const waiting = [discovery.whenSettled(caller.signal), discovery.whenSettled(enough)]
    caller.abort()
    await waiting[0]
    await discovery.whenSettled(caller.signal)
    discovery.close()
    await waiting[1]
    assert.equal(discovery.isSettled, false)
  })
})

describe('a static upstream', () => {
  it('is probed like any other, without a registry', async () => {
    const [alive, dead] = [await startTarget(), await startTarget()]
    await dead.close()
    const instances = [alive, dead].map(({ port }) => ({ address: { host: '127.0.0.1', port }, weight: 1, tags: [], meta: {} }))
    const { eligible, discovery, registry, exclusions } = start({ ...service, source: { kind: 'static', instances } })
    await discovery.whenSettled(new AbortController().signal)
    assert.deepEqual(eligible(), [`127.0.0.1:${alive.port}`])
    assert.equal(exclusions()[`127.0.0.1:${dead.port}`], 'probe_failing')
    assert.deepEqual([registry.watched, discovery.freshSince, discovery.view()[0]?.registry], [[], null, 'static'])
  })
})
