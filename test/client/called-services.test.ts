import assert from 'node:assert/strict'
import { it } from 'node:test'
import { CalledServices } from '../../src/client/called-services.ts'

const services = new CalledServices('consul')

it('names of the mesh, of the DNS of the registry, and names without dot and port are services', () => {
  const parts = (origin: string): unknown => {
    const found = services.of(origin)
    return found && [found.service, found.tag, found.datacenter, found.port, found.isCertain]
  }
  assert.deepEqual(parts('http://orders'), ['orders', null, null, null, false])
  assert.deepEqual(parts('http://Orders/'), ['orders', null, null, null, false])
  assert.deepEqual(parts('http://my_orders-2'), ['my_orders-2', null, null, null, false])
  assert.deepEqual(parts('http://orders.service'), ['orders', null, null, null, true])
  assert.deepEqual(parts('http://orders.mesh:8080'), ['orders', null, null, 8080, true])
  assert.deepEqual(parts('http://v1.orders.service.dc2.consul.'), ['orders', 'v1', 'dc2', null, true])
  assert.deepEqual(parts(new URL('http://orders.mesh/x').href.slice(0, -1)), ['orders', null, null, null, true])
  assert.equal(services.of(new URL('http://orders/a?b'))?.service, 'orders')
})

it('addresses, hosts of the network and other schemes are none', () => {
  const others = [
    'http://orders:8080',
    'http://example.com',
    'http://db.node.consul',
    'http://localhost',
    'http://localhost:80',
    'http://127.0.0.1',
    'http://127.1',
    'http://2130706433',
    'http://0x7f000001',
    'http://[::1]',
    'http://user@orders',
    'http://user:orders.service@example.com',
    'http://example.com/orders.service',
    'http://.service',
    'http://service.',
    'https://orders',
    'https://orders.service',
    'ftp://orders',
    'orders',
    '',
  ]
  assert.deepEqual(
    others.filter((origin) => services.of(origin) !== null),
    [],
  )
  assert.equal(services.of(undefined), null)
})

it('however many origins are called, a bounded number is remembered', () => {
  const first = services.of('http://first')
  for (let at = 0; at < 2_500; at++) services.of(`http://a${at}`)
  assert.notEqual(services.of('http://first'), first)
  assert.deepEqual(services.of('http://first'), first)
})
