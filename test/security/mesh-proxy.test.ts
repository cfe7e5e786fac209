import assert from 'node:assert/strict'
import dns from 'node:dns'
import { after, before, describe, it } from 'node:test'
import { instance as registered } from '../controlplane/control-plane.ts'
import { errorCodeOf } from '../support/data-plane-fixture.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { startMeshPlane, type TestMeshPlane } from '../support/mesh-plane.ts'
import { openRaw, sendRaw, startRawInstance, type RawInstance } from '../support/raw-socket.ts'
import { until } from '../support/until.ts'
import { proxyCases } from './mesh/proxy-cases.ts'

let mesh: TestMeshPlane
let orders: TestInstance
/** Listens on this machine, and nobody has registered it. */
let secret: RawInstance
let lookups = 0
const { lookup } = dns

before(async () => {
  orders = await startInstance('orders')
  secret = await startRawInstance((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret'))
  mesh = await startMeshPlane()
  mesh.registry.listServices(['orders', 'consul', 'meshgate'])
  const first = fetchOrders()
  await until('it is looked up', () => mesh.registry.watched.includes('orders'))
  mesh.registry.list('orders', [registered('orders', orders.port, { tags: ['v1'] })])
  assert.match(await first, /^HTTP\/1\.1 200 /)
  dns.lookup = ((...args: Parameters<typeof lookup>) => {
    lookups++
    return lookup(...args)
  }) as typeof lookup
})

after(async () => {
  dns.lookup = lookup
  await mesh?.close()
  await orders?.kill()
  await secret?.kill()
})

function fetchOrders(): Promise<string> {
  return sendRaw(mesh.port, 'GET http://orders/ HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n')
}

function filled(text: string): string {
  return text.replaceAll('SECRET', String(secret.port)).replaceAll('ORDERS', String(orders.port))
}

describe('the mesh listener is no open proxy: it refuses', () => {
  for (const { name, send, refuse } of proxyCases) {
    it(`${name} with ${refuse.join(' ')}`, async () => {
      const [hits, connections, asked] = [orders.hits, secret.connections, lookups]
      const client = await openRaw(mesh.port)
      try {
        client.send(filled(send))
        await until('it answers', () => /\r\n\r\n\{.*\}\n$/s.test(client.received()), 5_000)
      } finally {
        client.socket.destroy()
      }
      const [head = '', body = ''] = client.received().split('\r\n\r\n')
      assert.deepEqual([Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), errorCodeOf(body)], refuse)
      assert.deepEqual(
        [orders.hits, secret.connections, lookups],
        [hits, connections, asked],
        'nobody is called, no name is resolved',
      )
      assert.ok(!body.includes('127.0.0.1'), body)
    })
  }
})

describe('the cases', () => {
  it('are many, each with a name of its own, and reach the service when they name it', async () => {
    assert.equal(new Set(proxyCases.map(({ name }) => name)).size, proxyCases.length)
    assert.ok(proxyCases.length >= 60, `${proxyCases.length}`)
    const reaching = [
      ['http://orders/', 'orders'],
      [`http://orders:${orders.port}/`, `orders:${orders.port}`],
      ['HTTP://Orders.Service.Consul:80/', 'orders.service.consul'],
      ['/', 'orders.service.dc1.consul'],
      ['/', `v1.orders.service:${mesh.port}`],
      ['//127.0.0.1/', 'orders.mesh.'],
    ] as const
    for (const [target, host] of reaching) {
      const hits = orders.hits
      const text = await sendRaw(mesh.port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*orders$/, `${target} ${host}`)
      assert.equal(orders.hits, hits + 1)
    }
    assert.equal(secret.connections, 0)
  })
})
