import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { instance } from '../../controlplane/control-plane.ts'
import { cleanUp, codeOf, startDirectory, startTarget, upstreamIn } from './directory-harness.ts'

afterEach(cleanUp)

describe('a service that nobody calls any more', () => {
  it('is dropped after the idle time, with its watch, and found again', async () => {
    const { directory, registry, clock, names } = startDirectory('mesh: { idle: 5m }')
    registry.listServices(['orders', 'busy'])
    void directory.find('orders', null)
    void directory.find('busy', null)
    for (let minute = 0; minute < 7; minute++) {
      await clock.advance(60_000)
      void directory.find('busy', null)
    }
    assert.deepEqual([names(), registry.watched], [['busy'], ['busy']])
    void directory.find('orders', null)
    assert.deepEqual(names(), ['busy', 'orders'])
  })

  it('stays while something is under way there, or another process calls it', async () => {
    const target = await startTarget('orders')
    const { directory, registry, clock, names } = startDirectory('mesh: { idle: 1m }')
    registry.listServices(['orders', 'elsewhere', 'idle'])
    const found = Promise.resolve(directory.find('orders', null))
    registry.list('orders', [instance('orders', target.port)])
    void directory.find('elsewhere', null)
    void directory.find('idle', null)
    const endpoint = upstreamIn(await found).members.all[0]?.endpoint
    assert.ok(endpoint)
    endpoint.inFlight++
    for (let half = 0; half < 6; half++) {
      await clock.advance(30_000)
      directory.noteCalls(['elsewhere', 'nobody'])
    }
    assert.deepEqual(names(), ['orders', 'elsewhere'])
    endpoint.inFlight--
    await clock.advance(60_000)
    assert.deepEqual(names(), [])
  })

  it('leaves no timer behind when all are gone', async () => {
    const { directory, registry, clock } = startDirectory('mesh: { idle: 1m }')
    registry.listServices(['orders'])
    const before = clock.pending
    void directory.find('orders', null)
    await clock.advance(120_000)
    assert.equal(clock.pending, before)
  })

  it('is dropped for another one when there are as many as may be, the one longest unused first', async () => {
    const { directory, registry, clock, names } = startDirectory('mesh: { maxServices: 2 }')
    registry.listServices(['a', 'b', 'c'])
    void directory.find('a', null)
    await clock.advance(30_000)
    void directory.find('b', null)
    assert.equal(codeOf(directory.find('c', null)), 'mesh_full', 'both have just been called')
    await clock.advance(30_000)
    void directory.find('c', null)
    assert.deepEqual(names(), ['b', 'c'])
  })
})
