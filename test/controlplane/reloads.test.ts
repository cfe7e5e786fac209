import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { builtIn } from '../../src/config/built-in.ts'
import { startListener, type Listener } from '../../src/dataplane/listener/listener.ts'
import { silentLogger } from '../../src/logging.ts'
import { startLoad } from '../support/load.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'

// `npm run soak` does them all.
const reloads = process.env['MESHGATE_SOAK'] ? 10_000 : 300
const openWebSockets = 20

describe(`${reloads} reloads under load`, () => {
  let server: Server
  let sockets: WebSocketServer
  let plane: ReturnType<typeof startControlPlane>
  let listener: Listener
  let port = 0
  const config = (change: number): string =>
    [
      // The WebSockets stay silent throughout, which ends none before the test does.
      `upstreams: { shop: { timeouts: { idle: 1h }, instances: ["127.0.0.1:${port}"] }, other: { instances: ["127.0.0.1:${port}"] } }`,
      'routes:',
      '  - { name: stays, match: { path: /stays }, to: shop, filters: [ { rateLimit: { rate: 1000000/s } } ], sticky: { cookie: s } }',
      '  - { name: subset, match: { path: /subset }, to: [ { upstream: shop, where: { a: b }, weight: 1 } ] }',
      `  - { name: moves, match: { path: /moves }, to: ${change % 2 === 0 ? 'shop' : 'other'}, timeouts: { response: ${1 + (change % 50)}s } }`,
      ...Array.from({ length: 50 }, (_, at) => `  - /r${at}/* -> shop`),
      `  - /gone${change}/* -> shop`,
    ].join('\n')

  before(async () => {
    server = createServer((incoming, response) => {
      incoming.resume()
      response.end('ok')
    })
    sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as { port: number }).port
    plane = startControlPlane(config(0))
    listener = await startListener({
      name: 'listeners.test',
      bind: { host: '127.0.0.1', port: 0 },
      limits: builtIn.limits,
      trust: [],
      proxyStatus: 'off',
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      serve: plane.gateway.serve,
    })
    await until('the instance is eligible', () => ['shop', 'other'].every((name) => eligible(name) === 1))
  })
  after(async () => {
    await listener?.close(0)
    await plane?.close()
    sockets?.close()
    server?.close()
    server?.closeAllConnections()
  })

  const eligible = (name: string): number => plane.upstreams.find(name)?.upstream.members.eligible.length ?? 0
  const routeNamed = (name: string) => plane.gateway.snapshot.routes.find((route) => route.name === name)

  it('fail no request, close no WebSocket, keep unchanged routes as they are, and leave nothing behind', async () => {
    const url = `127.0.0.1:${listener.address.port}`
    const clients = await Promise.all(
      Array.from({ length: openWebSockets }, async () => {
        const client = new WebSocket(`ws://${url}/stays`)
        await once(client, 'open')
        return client
      }),
    )
    let closed = 0
    for (const client of clients) client.on('close', () => closed++)
    const [stays, subset, moves] = ['stays', 'subset', 'moves'].map(routeNamed)
    const loads = ['/stays', '/moves'].map((path) => startLoad(`http://${url}${path}`, 4))
    const heapBytes: number[] = []
    for (let change = 1; change <= reloads; change++) {
      plane.setFile(config(change))
      await new Promise((resolve) => setImmediate(resolve))
      if (change % Math.ceil(reloads / 10) === 0) heapBytes.push(process.memoryUsage().heapUsed)
    }
    for (const load of loads) {
      const { sent, failed, failures } = await load.stop()
      assert.equal(failed, 0, `${failed} of ${sent} requests failed: ${failures.join('\n')}`)
      assert.ok(sent > reloads / 10, `only ${sent} requests were sent`)
    }
    assert.equal(closed, 0)
    for (const client of clients) {
      client.send('still there')
      const [echo] = (await once(client, 'message')) as [Buffer]
      assert.equal(echo.toString(), 'still there')
      client.terminate()
    }
    assert.equal(routeNamed('stays'), stays, 'with its limiter, its stickiness and its connections')
    assert.equal(routeNamed('subset'), subset, 'with the turns of its balancer')
    assert.notEqual(routeNamed('moves'), moves)
    assert.equal(plane.gateway.snapshot.generation, reloads + 1)
    const early = Math.min(...heapBytes.slice(1, 6))
    const late = Math.min(...heapBytes.slice(5))
    console.log(`heap ${Math.round(early / 1e6)} MB, later ${Math.round(late / 1e6)} MB`)
    assert.ok(late < early + 40e6, `the heap grew from ${early} to ${late} bytes`)
  })

  it('of what an unchanged route depends on make it anew', () => {
    const stays = routeNamed('stays')
    plane.setFile(config(reloads).replace('idle: 1h', 'idle: 7s'))
    assert.notEqual(routeNamed('stays'), stays)
    assert.equal(routeNamed('stays')?.to[0]?.policy.timeouts.idleMs, 7_000)
    assert.deepEqual(routeNamed('stays')?.filters, stays?.filters)
  })
})
