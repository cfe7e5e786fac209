import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { builtIn } from '../../../src/config/built-in.ts'
import type { MeshConfig } from '../../../src/config/config.ts'
import { FollowedAddresses } from '../../../src/discovery/mesh/followed-addresses.ts'
import { ServiceWatches } from '../../../src/discovery/service-watches.ts'
import { handRegistry, instance } from '../../controlplane/control-plane.ts'

function start(config: Partial<MeshConfig>) {
  const registry = handRegistry()
  let known: Record<string, string> = {}
  let changes = 0
  const followed = new FollowedAddresses({
    watches: new ServiceWatches(registry),
    onChange: (addresses) => {
      changes++
      known = Object.fromEntries(addresses)
    },
  })
  const setConfig = (next: Partial<MeshConfig>): void => followed.setConfig({ ...builtIn.mesh, ...next })
  setConfig(config)
  const at = (service: string, ...hosts: string[]): void =>
    registry.list(
      service,
      hosts.map((host, index) => instance(service, 80 + index, { address: { host, port: 80 } })),
    )
  return { registry, followed, setConfig, at, known: () => known, changes: () => changes }
}

const rules = [
  { from: 'web', to: 'orders', allow: true },
  { from: 'bff', to: '*', allow: true },
]

describe('the addresses of callers', () => {
  it('are those of the services that rules name as callers', () => {
    const { registry, at, known } = start({ rules })
    assert.deepEqual(registry.watched, ['web', 'orders', 'bff'])
    at('web', '10.0.0.1', '::ffff:10.0.0.2')
    at('orders', '10.0.0.9')
    at('bff', 'fd00::1')
    assert.deepEqual(known(), { '10.0.0.1': 'web', '10.0.0.2': 'web', 'fd00::1': 'bff' })
    at('web', '10.0.0.2')
    assert.deepEqual(known(), { '10.0.0.2': 'web', 'fd00::1': 'bff' })
  })

  it('are those that a socket tells of its peer, however they have been registered', () => {
    const { at, known } = start({ rules })
    at('web', '2001:DB8:0:0::1', '::FFFF:a00:2', '0:0:0:0:0:0:0:1', '::ffff:7f00:1')
    assert.deepEqual(known(), { '2001:db8::1': 'web', '10.0.0.2': 'web' })
    at('orders', '2001:db8::0:1', '10.0.0.2')
    assert.deepEqual(known(), {}, 'two services share each')
  })

  it('name nobody if two services share one, if it is of this machine alone, or no address at all', () => {
    const { at, known } = start({ rules })
    at('web', '10.0.0.1', '10.0.0.2', '127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1', 'localhost', 'web.internal')
    at('orders', '10.0.0.1')
    assert.deepEqual(known(), { '10.0.0.2': 'web' })
    at('bff', '10.0.0.2')
    assert.deepEqual(known(), {})
  })

  it('are not asked for where all have tokens, no rule names a caller, or the config says so', () => {
    for (const config of [
      { rules, callers: ['web', 'bff'].map((service) => ({ service, digest: '' })) },
      { rules: [{ from: '*', to: 'orders', allow: false }] },
      { rules, byAddress: false },
      {},
    ]) {
      assert.deepEqual(start(config).registry.watched, [])
    }
  })

  it('of a service with a token name nobody, so that nobody gets by without it', () => {
    const { at, known } = start({ rules, callers: [{ service: 'web', digest: '' }] })
    at('web', '10.0.0.1')
    at('bff', '10.0.0.2')
    assert.deepEqual(known(), { '10.0.0.2': 'bff' })
    const other = start({ rules, callers: [{ service: 'WEB', digest: '' }] })
    other.at('web', '10.0.0.1')
    assert.deepEqual(other.known(), {}, 'in whatever case')
  })

  it('follow a changed config, tell nothing when nothing changes, and end their watches', () => {
    const { registry, setConfig, followed, at, known, changes } = start({ rules })
    at('web', '10.0.0.1')
    at('web', '10.0.0.1')
    assert.equal(changes(), 1)
    setConfig({ rules: [{ from: 'bff', to: 'orders', allow: true }] })
    assert.deepEqual([known(), registry.watched.toSorted()], [{}, ['bff', 'orders']])
    followed.close()
    assert.deepEqual(registry.watched, [])
  })
})
