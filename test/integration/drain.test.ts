import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import type { DrainView } from '../../src/controlplane/draining/drain-desk.ts'
import { meshgate } from '../cli/captured.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { put, registerInstance, registries, type TestRegistry } from '../support/registries.ts'
import { until } from '../support/until.ts'

const config = [
  'defaults: { health: { every: 200ms } }',
  'upstreams: { fixed: { instances: ["127.0.0.1:9"] } }',
  'routes: [{ name: shop, match: { path: /* }, to: shop, sticky: { cookie: uid } }, { name: fixed, match: { path: /fixed }, to: fixed }]',
].join('\n')

/** An instance that answers its name and takes WebSockets. */
async function startSpeaker(name: string) {
  const server = createServer((request, response) => {
    request.resume()
    response.end(name)
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  }
  return { port: (server.address() as { port: number }).port, close }
}

// The second replica serves by two workers.
describe('draining an instance', () => {
  const [embedded] = registries
  let registry: TestRegistry
  let gateways: readonly GatewayProcess[]
  let speaker: Awaited<ReturnType<typeof startSpeaker>>
  let plain: TestInstance
  const ask = (): string => gateways[0]?.adminAddress ?? ''
  const web = (): string => gateways[0]?.web ?? ''
  const served = async (cookie = ''): Promise<Response> => fetch(`${web()}/`, { headers: cookie ? { cookie } : {} })
  const drains = async (): Promise<readonly DrainView[]> =>
    (await (await fetch(`http://${ask()}/drains`)).json()) as readonly DrainView[]
  before(async () => {
    assert.ok(embedded)
    registry = await embedded.start()
    const first = await startGatewayProcess({ registry: registry.first, config })
    gateways = [first, await startGatewayProcess({ registry: registry.further, config: `${config}\nworkers: 2` })]
    speaker = await startSpeaker('speaker')
    plain = await startInstance('plain')
    await registerInstance(registry.address, 'shop', speaker.port, 'a/1')
    await registerInstance(registry.address, 'shop', plain.port, 'b')
    for (const gateway of gateways)
      await until('both serve', async () => {
        const upstreams = await gateway.ask<{ name: string; eligible: number }[]>('/upstreams')
        return upstreams.find(({ name }) => name === 'shop')?.eligible === 2
      })
  })
  after(async () => {
    for (const gateway of gateways.toReversed()) await gateway.stop()
    await registry.stop()
    speaker.close()
    await plain.kill()
  })

  it('waits for WebSockets and names them when the deadline passes; new requests go elsewhere, also of sticky clients', async () => {
    const first = await until('the speaker gives a cookie', async () => {
      const answer = await served()
      return (await answer.text()) === 'speaker' ? answer : null
    })
    const [cookie = ''] = first.headers.getSetCookie().map((text) => text.replace(/;.*/, ''))
    assert.equal(await (await served(cookie)).text(), 'speaker')
    const socket = new WebSocket(`${web().replace('http', 'ws')}/chat`, { headers: { cookie } })
    await once(socket, 'open')
    const late = await meshgate('drain', 'shop/a/1', '--wait', '--deadline', '400ms', '--admin', ask())
    assert.equal(late.code, 1, late.err)
    assert.match(
      late.out,
      /^shop\/a\/1: not drained after 400ms\n {2}meshgate-\S+: 1 WebSocket \(127\.0\.0\.1 on 127\.0\.0\.1\/chat\)\n$/,
    )
    for (let n = 0; n < 20; n++) assert.equal(await (await served(cookie)).text(), 'plain')
    const [view] = await drains()
    assert.deepEqual([view?.instance, view?.by, view?.drained, view?.replicas.length], ['shop/a/1', 'drain', false, 2])
    assert.ok(view?.replicas.every(({ acknowledged }) => acknowledged))
    const waiting = meshgate('drain', 'shop/a/1', '--wait', '--deadline', '10s', '--admin', ask(), '--json')
    socket.close()
    const done = await waiting
    assert.equal(done.code, 0, done.out)
    assert.equal((JSON.parse(done.out) as DrainView).drained, true)
    assert.deepEqual(await meshgate('undrain', 'shop/a/1', '--wait', '--admin', ask()), {
      code: 0,
      out: 'shop/a/1 gets traffic\n',
      err: '',
    })
    assert.deepEqual(await drains(), [])
  })

  it('waits for every living replica, whichever is asked, and forgets one that ends', async () => {
    const [one, other] = gateways as [GatewayProcess, GatewayProcess]
    // One of the two instances takes no WebSockets.
    const socket = await until('one is open', async () => {
      const tried = new WebSocket(`${other.web.replace('http', 'ws')}/chat`)
      const [found] = await Promise.race([once(tried, 'open').then(() => [tried]), once(tried, 'error').then(() => [null])])
      return found
    })
    const late = await meshgate('drain', 'shop/a/1', '--wait', '--deadline', '300ms', '--admin', one.adminAddress)
    assert.equal(late.code, 1)
    assert.match(late.out, /: 1 WebSocket /)
    socket.terminate()
    const done = await meshgate('drain', 'shop/a/1', '--wait', '--admin', other.adminAddress)
    assert.equal(done.code, 0, done.out + done.err)
    await other.stop()
    const [view] = await drains()
    assert.equal(view?.replicas.length, 1)
    assert.equal((await meshgate('undrain', 'shop/a/1', '--admin', one.adminAddress)).code, 0)
  })

  it('tells who is in maintenance with what is under way there, and that an unknown instance is unknown', async () => {
    await put(registry.address, '/v1/agent/service/maintenance/b?enable=true&reason=x')
    const view = await until('it is told', async () => (await drains()).find(({ instance }) => instance === 'shop/b'))
    assert.deepEqual([view.by, view.since], ['maintenance', null])
    await put(registry.address, '/v1/agent/service/maintenance/b?enable=false')
    await until('it is back', async () => (await drains()).length === 0)
    const told = await meshgate('drain', 'shop/bb', '--admin', ask())
    assert.deepEqual([told.code, told.out], [1, ''])
    assert.match(told.err, /shop has no instance "bb"; did you mean "b"\?/)
    assert.match((await meshgate('drain', 'shp/b', '--admin', ask())).err, /calls no service "shp"; did you mean "shop"\?/)
    assert.match((await meshgate('undrain', 'shop/b', '--admin', ask())).err, /shop\/b is not drained/)
    assert.equal((await meshgate('drain', 'shop', '--admin', ask())).code, 2)
    assert.equal((await meshgate('drain', 'shop/b', '--deadline', '5', '--admin', ask())).code, 2)
  })

  it('takes instances of config by their address', async () => {
    const { code, out } = await meshgate('drain', 'fixed/127.0.0.1:9', '--wait', '--admin', ask())
    assert.equal(code, 0, out)
    assert.equal((await meshgate('undrain', 'fixed/127.0.0.1:9', '--admin', ask())).code, 0)
  })
})
