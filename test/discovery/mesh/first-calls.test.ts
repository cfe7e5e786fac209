import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Upstream } from '../../../src/dataplane/upstream/upstream.ts'
import { startRawInstance } from '../../support/raw-socket.ts'
import { instance } from '../../controlplane/control-plane.ts'
import { cleanUp, cleanups, codeOf, startDirectory, startTarget, upstreamIn, type Answer } from './directory-harness.ts'

afterEach(cleanUp)

describe('a burst of first calls', () => {
  it('opens one watch and waits for one probe, and the first instance that passes ends the waiting', async () => {
    const target = await startTarget('orders')
    const silent = await startRawInstance(() => {})
    cleanups.push(() => silent.kill())
    const { directory, registry } = startDirectory('defaults: { health: { http: / } }')
    registry.listServices(['orders'])
    const calls = Array.from({ length: 200 }, async () => directory.find('orders', null))
    registry.list('orders', [instance('orders', silent.port), instance('orders', target.port)])
    const found = new Set(await Promise.all(calls))
    assert.equal(found.size, 1)
    assert.deepEqual(registry.watched, ['orders'])
    assert.equal(upstreamIn([...found][0] as Upstream).members.eligible.length, 1)
  })

  it('is limited to as many as may queue for an endpoint', () => {
    const { directory, registry } = startDirectory('defaults: { maxQueued: 3 }')
    registry.listServices(['orders'])
    const calls = Array.from({ length: 4 }, () => directory.find('orders', null))
    assert.deepEqual(
      calls.map((call) => call instanceof Promise),
      [true, true, true, false],
    )
    assert.equal(codeOf(calls[3] as Answer), 'upstream_overloaded')
  })
})
