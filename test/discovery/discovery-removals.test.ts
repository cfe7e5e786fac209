import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { until } from '../support/until.ts'
import { instance } from '../controlplane/control-plane.ts'
import { startDiscovery as start, startTarget } from './discovery-harness.ts'

async function startThree() {
  const targets = [await startTarget(), await startTarget(), await startTarget()]
  const instances = targets.map(({ port }, at) => instance('shop', port, { id: `i${at}` }))
  const plane = start()
  plane.list(...instances)
  await until('all are eligible', () => plane.eligible().length === 3)
  return { ...plane, targets, instances }
}

describe('a mass removal', () => {
  it('is held until our own probes fail, told, and seen as such', async () => {
    const { list, eligible, log, discovery, targets, clock, exclusions } = await startThree()
    list()
    assert.deepEqual([eligible(), discovery.held], [['i0', 'i1', 'i2'], 3])
    assert.equal(discovery.view()[0]?.held, true)
    assert.match(log.of('upstream.removal_held')[0]?.msg ?? '', /drops 3 instances of shop at once/)
    await targets[1]?.close()
    await clock.advance(1_000)
    await until('the dead one is gone', () => discovery.held === 2)
    assert.deepEqual(exclusions(), { i0: null, i2: null })
  })

  it('is over after a minute, also if the instances still answer', async () => {
    const { list, eligible, discovery, clock } = await startThree()
    list()
    await clock.advance(59_000)
    assert.equal(eligible().length, 3)
    await clock.advance(1_000)
    assert.deepEqual([eligible(), discovery.view()], [[], []])
  })

  it('does not hold the old ones once new ones serve', async () => {
    const { list, eligible } = await startThree()
    const fresh = [await startTarget(), await startTarget()]
    list(...fresh.map(({ port }, at) => instance('shop', port, { id: `n${at}` })))
    assert.deepEqual(eligible(), ['i0', 'i1', 'i2'])
    await until('only the new ones serve', () => eligible().join() === 'n0,n1')
  })

  it('after an outage is any removal, for half a minute', async () => {
    const { list, eligible, registry, clock, instances, discovery } = await startThree()
    registry.fail(new GatewayError('registry_unavailable', ''))
    await clock.advance(1_000)
    list(...instances.slice(0, 2), ...instances.slice(2).map((last) => ({ ...last, status: 'critical' as const })))
    assert.deepEqual([eligible().length, discovery.held], [3, 1])
    list(...instances)
    assert.equal(discovery.held, 0)
    await clock.advance(30_000)
    list(...instances.slice(0, 2))
    assert.deepEqual(eligible(), ['i0', 'i1'])
  })

  it('is believed after a failure of less than a second', async () => {
    const { list, eligible, registry, clock, instances } = await startThree()
    registry.fail(new GatewayError('registry_refused', ''))
    await clock.advance(900)
    list(...instances.slice(0, 2))
    assert.deepEqual(eligible(), ['i0', 'i1'])
  })

  it('of instances that only a former process knew is believed', async () => {
    const target = await startTarget()
    const { registry, eligible, discovery } = start()
    const former = ['a', 'b', 'c'].map((id) => instance('shop', target.port, { id }))
    registry.list('shop', former, true)
    await until('they serve', () => eligible().length === 3)
    assert.equal(discovery.isFromDisk, true)
    registry.list('shop', [])
    assert.deepEqual([eligible(), discovery.isFromDisk], [[], false])
  })

  it('of instances that only a former process knew is held when the registry was away at the start, however short that was', async () => {
    const target = await startTarget()
    const { registry, eligible, discovery, clock } = start()
    registry.list(
      'shop',
      ['a', 'b', 'c'].map((id) => instance('shop', target.port, { id })),
      true,
    )
    registry.fail(new GatewayError('registry_unavailable', ''))
    await until('they serve', () => eligible().length === 3)
    await clock.advance(100)
    registry.list('shop', [])
    assert.deepEqual([eligible().length, discovery.held], [3, 3])
  })
})
