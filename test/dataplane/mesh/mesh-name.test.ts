import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { looksLikeAddress, parseMeshName, type MeshName } from '../../../src/dataplane/mesh/mesh-name.ts'

function read(host: string, domain = 'consul'): readonly (string | null)[] | null {
  const name: MeshName | null = parseMeshName(host, domain)
  return name && [name.service, name.tag, name.datacenter]
}

describe('a host of the mesh', () => {
  const forms: Readonly<Record<string, readonly (string | null)[] | null>> = {
    orders: ['orders', null, null],
    'my.orders': ['my.orders', null, null],
    'orders.service': ['orders', null, null],
    'orders.mesh': ['orders', null, null],
    'v1.orders.mesh': ['orders', 'v1', null],
    'v1.orders.service': ['orders', 'v1', null],
    'v1.2.orders.service': ['orders', 'v1.2', null],
    'orders.service.consul': ['orders', null, null],
    'orders.service.dc2.consul': ['orders', null, 'dc2'],
    'v1.orders.service.dc2.consul': ['orders', 'v1', 'dc2'],
    'service.service': ['service', null, null],
    'mesh.mesh': ['mesh', null, null],
    consul: ['consul', null, null],
    service: null,
    mesh: null,
    'orders.consul': null,
    'orders.node.consul': null,
    'service.consul': null,
    '.service': null,
    '.orders.service': null,
    'orders.service.a.b.consul': null,
  }
  for (const [host, expected] of Object.entries(forms)) {
    it(`${host} names ${expected === null ? 'nothing' : expected.map((part) => part ?? '-').join(' ')}`, () =>
      assert.deepEqual(read(host), expected))
  }

  it('ends with the domain that the registry has', () => {
    assert.deepEqual(read('orders.service.dc2.corp.example', 'corp.example'), ['orders', null, 'dc2'])
    assert.deepEqual(read('orders.service.consul', 'corp'), ['orders.service.consul', null, null])
  })
})

describe('an address', () => {
  it('is known in every spelling', () => {
    for (const host of ['127.0.0.1', '127.1', '0', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '::1', '::ffff:1.2.3.4'])
      assert.ok(looksLikeAddress(host), host)
    for (const host of ['orders', '1a', 'a1', 'web-1', '1.orders', 'xn--bcher-kva', '0y1'])
      assert.ok(!looksLikeAddress(host), host)
  })
})
