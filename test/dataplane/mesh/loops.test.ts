import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { instance as registered } from '../../controlplane/control-plane.ts'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { startMeshPlane, type TestMeshPlane } from '../../support/mesh-plane.ts'
import { until } from '../../support/until.ts'

const { instance, client, cleanUp } = dataPlaneFixture()

async function startMesh(): Promise<TestMeshPlane> {
  const mesh = await startMeshPlane()
  cleanUp(() => mesh.close())
  return mesh
}

/** Registers services by the ports of their instances and waits until all pass. */
async function register({ registry, plane }: TestMeshPlane, services: Readonly<Record<string, number>>): Promise<void> {
  registry.listServices(Object.keys(services))
  for (const [name, port] of Object.entries(services)) {
    void plane.upstreams.demand(plane.reconciler.hot.defaultUpstream(name))
    registry.list(name, [registered(name, port)])
  }
  await until('they pass', () => [...plane.upstreams.rows].every(({ upstream }) => upstream.members.eligible.length === 1))
}

async function ask({ port }: TestMeshPlane, host: string, fields = ''): Promise<string> {
  const raw = await client(port)
  raw.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${fields}\r\n`)
  return raw.closed
}

function statusOf(answer: string): number {
  return Number(answer.slice(9, 12))
}

describe('a loop', () => {
  it('of two gateways that name each other is refused by the first that sees a request again', async () => {
    const [one, other] = [await startMesh(), await startMesh()]
    // Each takes the other one for the service.
    await register(one, { orders: other.port })
    await register(other, { orders: one.port })
    const answer = await ask(one, 'orders')
    assert.equal(statusOf(answer), 508)
    assert.equal(errorCodeOf(answer.slice(answer.indexOf('\r\n\r\n'))), 'loop_detected')
    const { stats } = one.plane.gateway
    await until('nothing is under way', () => stats.inFlight + other.plane.gateway.stats.inFlight === 0)
    const attempts = [one, other].map(({ plane }) => plane.upstreams.find('orders')?.upstream.stats.attempts)
    assert.deepEqual(attempts, [1, 1], 'nothing is tried again')
  })

  it('of one gateway with itself is refused, WebSockets too', async () => {
    const mesh = await startMesh()
    await register(mesh, { self: mesh.port })
    const upgrade = 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    assert.equal(statusOf(await ask(mesh, 'self')), 508)
    const raw = await client(mesh.port)
    raw.send(`GET / HTTP/1.1\r\nHost: self\r\nConnection: Upgrade\r\n${upgrade}\r\n`)
    assert.equal(statusOf(await raw.closed), 508)
  })

  it('is none where a service that is a proxy itself passes Via on to another service', async () => {
    const mesh = await startMesh()
    let seen: IncomingMessage | null = null
    const orders = await instance((request, response) => {
      seen = request
      response.end('orders')
    })
    const web = await instance((request, response) => {
      void ask(mesh, 'orders', `Via: ${request.headers.via}\r\n`).then((answer) => response.end(answer.split('\r\n\r\n')[1]))
    })
    await register(mesh, { web: web.port, orders: orders.port })
    const answer = await ask(mesh, 'web')
    assert.equal(statusOf(answer), 200)
    const via = (seen as IncomingMessage | null)?.headers.via ?? ''
    assert.match(via, /^1\.1 meshgate-[0-9a-f]{16}, 1\.1 meshgate-[0-9a-f]{16}$/)
    assert.equal(new Set(via.split(', ')).size, 2)
  })

  it('cannot be hidden by the Connection field, nor be claimed by a field of somebody else', async () => {
    const mesh = await startMesh()
    const seen: string[] = []
    const web = await instance((request, response) => {
      seen.push(request.headers.via ?? '')
      response.end()
    })
    await register(mesh, { web: web.port })
    await ask(mesh, 'web', 'Via: 1.1 other, 1.0 meshgate-0000000000000000\r\nConnection: via\r\n')
    await ask(mesh, 'web')
    const mark = seen[1] ?? ''
    assert.equal(seen[0], `1.1 other, 1.0 meshgate-0000000000000000, ${mark}`)
    assert.equal(statusOf(await ask(mesh, 'web', `Connection: via\r\nVIA: 1.1 x\r\nvia: ${mark}\r\n`)), 508)
  })
})

describe('what passes the mesh', () => {
  it('says so in Via, both ways', async () => {
    const mesh = await startMesh()
    const web = await instance((request, response) => response.end(request.headers.via))
    await register(mesh, { web: web.port })
    const answer = await ask(mesh, 'web')
    assert.match(answer, /\r\nVia: 1\.1 meshgate\r\n/)
    assert.doesNotMatch(await ask(mesh, 'nobody'), /\r\nVia:/i, 'what we answer ourselves has passed nobody')
    assert.match(answer, /1\.1 meshgate-[0-9a-f]{16}\r?\n?/)
  })
})
