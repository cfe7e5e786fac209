import assert from 'node:assert/strict'
import { get } from 'node:http'
import { after, before, describe, it } from 'node:test'
import type { GraphView } from '../../src/admin/graph-view.ts'
import { skipWithoutConsul, startTwoDatacenters, type TestConsul } from '../support/consul.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { sendRaw } from '../support/raw-socket.ts'
import { put, registerInstance, registries, type RegistryKind, type TestRegistry } from '../support/registries.ts'
import { runMeshgate } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'

const token = 'token-of-web-0123456789'
const config = `
defaults: { health: { every: 200ms, timeout: 500ms } }
mesh:
  rules:
    - { from: "*", to: payroll, allow: false }
    - { from: web, to: payroll, allow: true }
  callers: { web: { token: ${token} } }
`

/** The status and body of a call, as a proxy with an absolute target, on a connection of its own: any worker may get it. */
function call(gateway: GatewayProcess, url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { host } = new URL(url)
  const options = { path: url, headers: { host, connection: 'close', ...headers }, agent: false }
  return new Promise((resolve, reject) => {
    const request = get(gateway.mesh, options, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (piece: string) => void (body += piece))
      response.on('end', () => resolve(`${response.statusCode} ${body}`))
    })
    request.on('error', reject)
  })
}

/** What the mesh does, whatever the registry and however many processes serve. */
function meshSuite({ name, skip, start }: RegistryKind, workers: number): void {
  describe(`calls by name with ${name} and workers: ${workers}`, { skip }, () => {
    let registry: TestRegistry
    let gateway: GatewayProcess
    let orders: TestInstance
    before(async () => {
      registry = await start()
      gateway = await startGatewayProcess({ registry: registry.first, config: `${config}workers: ${workers}\n` })
      orders = await startInstance('orders')
      const tagged = { ID: 'orders-1', Name: 'orders', Address: '127.0.0.1', Port: orders.port, Tags: ['V1'] }
      await put(registry.address, '/v1/agent/service/register', JSON.stringify(tagged))
      await registerInstance(registry.address, 'payroll', orders.port)
      await until('it is listed', async () => !(await call(gateway, 'http://orders/')).startsWith('404'))
    })
    after(async () => {
      await gateway?.stop()
      await registry?.stop()
      await orders?.kill()
    })

    it('reach their service by every form of its name, in a burst too', async () => {
      const hosts = ['orders', 'orders.service', 'orders.mesh', 'v1.orders.service', 'orders.service.consul']
      const calls = [...hosts, 'v1.orders.service.dc1.consul', `orders:${orders.port}`].flatMap((host) =>
        Array.from({ length: 6 }, () => host),
      )
      const answers = await Promise.all(calls.map((host) => call(gateway, `http://${host}/`)))
      assert.deepEqual(new Set(answers), new Set(['200 orders']))
    })

    it('to a name that nobody has are told what is near, and to a tag that nobody has why nobody answers', async () => {
      const answer = await call(gateway, 'http://ordesr.service/')
      assert.match(answer, /^404 .*"service_unknown".*There is no service of this name\. Did you mean \\"orders\\"\?/)
      assert.match(await call(gateway, 'http://v9.orders.service/'), /^503 .*"no_instance"/)
      assert.match(await call(gateway, 'http://orders.service.dc9.consul/'), /^404 .*There is no datacenter \\"dc9\\"/)
      assert.match(await call(gateway, `http://orders:${new URL(gateway.admin).port}/`), /^403 .*"port_not_registered"/)
    })

    it('pass a tunnel to a registered port', async () => {
      const inner = 'GET / HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n'
      const port = Number(new URL(gateway.mesh).port)
      const text = await sendRaw(port, `CONNECT orders:${orders.port} HTTP/1.1\r\nHost: orders:${orders.port}\r\n\r\n${inner}`)
      assert.match(text, /^HTTP\/1\.1 200 Connection Established\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*orders$/)
    })

    it('are allowed by rules and tokens, and stand in the graph, of all processes together', async () => {
      for (let i = 0; i < 8; i++) {
        assert.equal(await call(gateway, 'http://payroll/', { 'x-mesh-token': token }), '200 orders')
        assert.match(
          await call(gateway, 'http://payroll/'),
          /^407 .*"mesh_token_required".*mesh\.rules\[0\] \(from: \*, to: payroll\)/,
        )
      }
      const { edges } = await gateway.ask<GraphView>('/graph')
      const told = edges.filter(({ to }) => to === 'payroll').map(({ from, requests, denied }) => [from, requests, denied])
      assert.deepEqual(told.toSorted(), [
        ['unknown', 8, 8],
        ['web', 8, 0],
      ])
      const { output } = await runMeshgate(['graph', '--admin', gateway.adminAddress])
      assert.match(output, /^web +payroll +8 +0 +0 +\S+ +\S+$/m)
    })

    it('end with 404 when the service leaves the registry', async () => {
      await put(registry.address, '/v1/agent/service/deregister/orders-1')
      await until('it is gone', async () => (await call(gateway, 'http://orders/')).startsWith('404'))
      await registerInstance(registry.address, 'orders', orders.port, 'orders-1')
      await until('it is back', async () => (await call(gateway, 'http://orders/')) === '200 orders')
    })
  })
}

for (const [at, registry] of registries.entries()) meshSuite(registry, at === 0 ? 2 : 1)

describe('a service of another datacenter of a real Consul', { skip: skipWithoutConsul() }, () => {
  let datacenters: readonly [TestConsul, TestConsul]
  let gateway: GatewayProcess
  let far: TestInstance
  before(async () => {
    datacenters = await startTwoDatacenters()
    gateway = await startGatewayProcess({ registry: `{ consul: { address: "${datacenters[0].address}" } }`, config })
    far = await startInstance('far')
    await registerInstance(datacenters[1].address, 'reports', far.port)
  })
  after(async () => {
    await gateway?.stop()
    await Promise.all((datacenters ?? []).map((consul) => consul.stop()))
    await far?.kill()
  })

  it('is called there, when its datacenter is named', async () => {
    await until('it is listed there', async () => (await call(gateway, 'http://reports.service.dc2.consul/')) === '200 far')
    assert.match(await call(gateway, 'http://reports/'), /^404 /)
    assert.match(await call(gateway, 'http://reports.service.dc1.consul/'), /^404 /)
    await put(datacenters[1].address, `/v1/agent/service/deregister/reports-${far.port}`)
    await until('it is gone', async () => (await call(gateway, 'http://reports.service.dc2.consul/')).startsWith('404'))
  })
})
