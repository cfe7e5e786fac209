import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ServiceWatches } from '../../src/discovery/service-watches.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Instance, WatchListener } from '../../src/registry/registry.ts'
import { settle } from '../support/manual-clock.ts'
import { handRegistry, instance } from '../controlplane/control-plane.ts'

function listener() {
  const values: (readonly string[])[] = []
  const errors: string[] = []
  const on: WatchListener<readonly Instance[]> = {
    onValue: (instances) => void values.push(instances.map(({ id }) => id)),
    onError: ({ code }) => void errors.push(code),
  }
  return { on, values, errors }
}

describe('watches of one service', () => {
  it('share one read of the registry, and all hear what it tells', () => {
    const registry = handRegistry()
    const watches = new ServiceWatches(registry)
    const [a, b] = [listener(), listener()]
    watches.watch('shop', a.on)
    watches.watch('shop', b.on)
    watches.watch('other', listener().on)
    assert.deepEqual(registry.watched, ['shop', 'other'])
    registry.list('shop', [instance('shop', 1)])
    registry.fail(new GatewayError('registry_timeout', ''))
    for (const { values, errors } of [a, b]) assert.deepEqual([values, errors], [[['shop-1']], ['registry_timeout']])
  })

  it('tell a late listener the present value, from a fresh turn', async () => {
    const registry = handRegistry()
    const watches = new ServiceWatches(registry)
    watches.watch('shop', listener().on)
    registry.list('shop', [instance('shop', 1)])
    const late = listener()
    watches.watch('shop', late.on)
    assert.deepEqual(late.values, [], 'not from inside the call')
    await settle()
    assert.deepEqual(late.values, [['shop-1']])
  })

  it('tell nothing to a listener that has left before that turn', async () => {
    const registry = handRegistry()
    const watches = new ServiceWatches(registry)
    watches.watch('shop', listener().on)
    registry.list('shop', [])
    const late = listener()
    watches.watch('shop', late.on).close()
    await settle()
    assert.deepEqual(late.values, [])
  })

  it('end the read when the last listener has left, and begin anew after that', async () => {
    const registry = handRegistry()
    const watches = new ServiceWatches(registry)
    const first = watches.watch('shop', listener().on)
    const second = watches.watch('shop', listener().on)
    first.close()
    first.close()
    assert.deepEqual(registry.watched, ['shop'])
    second.close()
    assert.deepEqual(registry.watched, [])
    const again = listener()
    watches.watch('shop', again.on)
    await settle()
    assert.deepEqual([registry.watched, again.values], [['shop'], []])
  })
})
