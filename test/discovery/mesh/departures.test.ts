import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { until } from '../../support/until.ts'
import { instance } from '../../controlplane/control-plane.ts'
import { cleanUp, codeOf, startDirectory, startTarget, upstreamIn } from './directory-harness.ts'

afterEach(cleanUp)

describe('a called service that the registry lists no more', () => {
  it('is called as long as it has instances, and ends a second after the last at the latest', async () => {
    const target = await startTarget('orders')
    const { directory, registry, clock, names } = startDirectory()
    registry.listServices(['orders'])
    const found = Promise.resolve(directory.find('orders', null))
    registry.list('orders', [instance('orders', target.port)])
    const upstream = upstreamIn(await found)
    registry.listServices([])
    assert.equal(directory.find('orders', null), upstream)
    registry.list('orders', [])
    await clock.advance(1_000)
    assert.deepEqual([names(), registry.watched, codeOf(directory.find('orders', null))], [[], [], 'service_unknown'])
  })

  it('is called as long as the brake for mass removals holds its instances, as that of a route is', async () => {
    const targets = await Promise.all(['one', 'two', 'three'].map((name) => startTarget(name)))
    const { directory, registry, clock } = startDirectory()
    registry.listServices(['orders'])
    const found = Promise.resolve(directory.find('orders', null))
    registry.list(
      'orders',
      targets.map(({ port }) => instance('orders', port)),
    )
    const upstream = upstreamIn(await found)
    await until('all pass', () => upstream.members.eligible.length === 3)
    registry.list('orders', [])
    registry.listServices([])
    await clock.advance(5_000)
    assert.equal(directory.find('orders', null), upstream)
    assert.equal(upstream.members.eligible.length, 3)
    await clock.advance(60_000)
    assert.equal(codeOf(directory.find('orders', null)), 'service_unknown')
  })
})
