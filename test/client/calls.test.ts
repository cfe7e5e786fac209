import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { Agent, getGlobalDispatcher, request, setGlobalDispatcher, WebSocket as UndiciWebSocket } from 'undici'
import { WebSocketServer } from 'ws'
import type { Mesh } from '../../src/client/connect.ts'
import { startEmbedded } from '../controlplane/embedded.ts'
import { registryServers, type RegistryServerUnderTest } from '../registry/registry-servers.ts'
import { startInstance, type Answer, type TestInstance } from '../support/instance.ts'
import { put } from '../support/registries.ts'
import { until } from '../support/until.ts'
import { answersOf, codeOf, hasEligible, isUnknown, killAll, openTestMesh, startService } from './open-mesh.ts'

for (const { name, skip, start } of registryServers) {
  describe(`calls by name, with ${name}`, { skip }, () => {
    let server: RegistryServerUnderTest
    let mesh: Mesh
    const instances: TestInstance[] = []

    const serve = (service: string, ...answers: readonly (Answer | undefined)[]): Promise<readonly TestInstance[]> =>
      startService({ mesh, registry: server.address, instances }, service, answers)

    before(async () => {
      server = await start()
      mesh = await openTestMesh(server.address)
    })

    after(async () => {
      await mesh.close()
      await killAll(instances)
      await server.stop()
    })

    it('go to the instances of a service in turn, under each of its names', async () => {
      await serve('orders', undefined, undefined)
      const answers = await answersOf(mesh, 'http://orders/', 4)
      assert.deepEqual([...answers].toSorted(), ['orders-0', 'orders-0', 'orders-1', 'orders-1'])
      for (const host of ['orders.service', 'orders.mesh', 'orders.service.consul', 'ORDERS'])
        assert.match((await answersOf(mesh, `http://${host}/`, 1))[0] ?? '', /^orders-/)
    })

    it('go to the instances with a tag or a registered port, and to no other port', async () => {
      const [first, second] = await serve('tagged', undefined, undefined)
      assert.ok(first && second)
      const second2 = { ID: `tagged-${second.port}`, Name: 'tagged', Address: '127.0.0.1', Port: second.port, Tags: ['v2'] }
      await put(server.address, '/v1/agent/service/register', JSON.stringify(second2))
      await until('the tag is known', async () => (await codeOf(mesh.fetch('http://v2.tagged.service/'))) === '200')
      assert.deepEqual(new Set(await answersOf(mesh, 'http://v2.tagged.service/', 4)), new Set([second.name]))
      assert.deepEqual(new Set(await answersOf(mesh, `http://tagged.mesh:${first.port}/`, 4)), new Set([first.name]))
      assert.equal(await codeOf(mesh.fetch('http://tagged.service:1234/')), 'port_not_registered')
      assert.equal(await codeOf(mesh.fetch('http://v3.tagged.service/')), 'no_instance')
      assert.equal(await codeOf(mesh.fetch('http://tagged.service.dc9.consul/')), 'service_unknown')
    })

    it('are repeated at another instance when one is gone, and not one of them fails', async () => {
      const [gone, stays] = await serve('steady', undefined, undefined)
      assert.ok(gone && stays)
      await gone.kill()
      assert.deepEqual(new Set(await answersOf(mesh, 'http://steady/', 10)), new Set([stays.name]))
    })

    it('end as they should when their service leaves the registry meanwhile', async () => {
      const answers: ServerResponse[] = []
      const [only] = await serve('leaving', (_, response) => void answers.push(response.writeHead(200)))
      assert.ok(only)
      const call = mesh.fetch('http://leaving/').then((answer) => answer.text())
      await until('it is under way', () => answers.length === 1)
      answers[0]?.write('be')
      await put(server.address, `/v1/agent/service/deregister/leaving-${only.port}`)
      await until('it is gone', () => isUnknown(mesh, 'leaving'))
      answers[0]?.end('gun')
      assert.equal(await call, 'begun')
    })

    it('say why there is no answer: no such service, no healthy instance, an instance that breaks off', async () => {
      const [only] = await serve('single', (_, response) => response.destroy())
      assert.equal(await codeOf(mesh.fetch('http://single/', { method: 'POST' })), 'upstream_reset')
      await only?.kill()
      await until('its probe fails', () => hasEligible(mesh, 'single', 0))
      const failure = await mesh.fetch('http://single/').catch((error: unknown) => error as Error)
      assert.match(String((failure as Error).cause), /1 known: 1 failing/)
      assert.equal(await codeOf(mesh.fetch('http://single/')), 'no_healthy_instance')
      assert.equal(await codeOf(mesh.fetch('http://nobody.service/')), 'service_unknown')
    })

    it('leave every other address to the dispatcher that was there before', async () => {
      const plain = await startInstance('plain')
      instances.push(plain)
      assert.deepEqual(await answersOf(mesh, `http://127.0.0.1:${plain.port}/`, 1), ['plain'])
      assert.deepEqual(await answersOf(mesh, `http://localhost:${plain.port}/`, 1), ['plain'])
      // A name without a dot that is no service is a host of the network.
      assert.equal(await codeOf(mesh.fetch('http://no-such-host-of-ours/')), 'ENOTFOUND')
    })

    it('are made by the global fetch and by all of undici once the dispatcher is the global one', async () => {
      await serve('world', undefined)
      const former = getGlobalDispatcher()
      setGlobalDispatcher(mesh.dispatcher)
      try {
        assert.equal(await (await fetch('http://world/')).text(), 'world-0')
        assert.equal(await (await request('http://world/')).body.text(), 'world-0')
      } finally {
        setGlobalDispatcher(former)
      }
      mesh.useGlobally()
      assert.equal(getGlobalDispatcher(), mesh.dispatcher)
      setGlobalDispatcher(former)
    })

    it('are refused for what cannot be sent also while their service is looked up, and leave nothing behind', async () => {
      const far = { dispatcher: mesh.dispatcher, headers: { a: 'b\nc' } }
      await assert.rejects(request('http://orders.service.dc7.consul/', far), { code: 'UND_ERR_INVALID_ARG' })
      const given = AbortSignal.abort(new Error('no need'))
      await assert.rejects(
        request('http://orders.service.dc6.consul/', { dispatcher: mesh.dispatcher, signal: given }),
        /no need/,
      )
      // A promise that nobody looks at would end the process now.
      assert.equal(await codeOf(mesh.fetch('http://orders.service.dc7.consul/')), 'service_unknown')
      assert.equal(mesh.dispatcher.underWay, 0)
    })

    it('end when the application aborts them: before the answer, and in the middle of it', async () => {
      let left = 0
      const never: Answer = (incoming, response) => {
        response.on('close', () => left++)
        if (incoming.url === '/half') response.write('half')
      }
      const [slow] = await serve('slow', never)
      const asked = new AbortController()
      const early = mesh.fetch('http://slow/', { signal: asked.signal })
      await until('the instance has it', () => slow?.hits === 1)
      asked.abort()
      await assert.rejects(early, { name: 'AbortError' })
      const reading = new AbortController()
      const half = await mesh.fetch('http://slow/half', { signal: reading.signal })
      reading.abort()
      await assert.rejects(half.text(), { name: 'AbortError' })
      await until('the instance has seen both leave', () => left >= 2)
      assert.equal(mesh.dispatcher.underWay, 0)
    })

    it('do not read ahead of a slow reader', async () => {
      let sent = 0
      const endless: Answer = (_, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(64 * 1024))) sent += 64 * 1024
          response.once('drain', more)
        }
        more()
      }
      await serve('endless', endless)
      const answer = await request('http://endless/long', { dispatcher: mesh.dispatcher })
      let [before, stillFor] = [-1, 0]
      await until('nothing more is taken for a while', () => {
        stillFor = sent === before ? stillFor + 1 : 0
        before = sent
        return stillFor === 10
      })
      assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were read that nobody had asked for`)
      answer.body.destroy()
    })

    it('take a WebSocket to an instance, and count it into its load', async () => {
      const sockets = new WebSocketServer({ noServer: true })
      const [instance] = await serve('talk', undefined)
      assert.ok(instance)
      instance.onUpgrade((incoming, socket, head) =>
        sockets.handleUpgrade(incoming, socket, head, (open) => open.on('message', (said: Buffer) => open.send(said.toString()))),
      )
      const socket = new UndiciWebSocket('ws://talk/', { dispatcher: mesh.dispatcher })
      await once(socket, 'open')
      socket.send('hello')
      const [said] = (await once(socket, 'message')) as [MessageEvent]
      assert.equal(said.data, 'hello')
      socket.close()
      await once(socket, 'close')
    })

    it('are refused once the dispatcher is closed, and what is under way ends first', async () => {
      const begun = new Array<ServerResponse>()
      await serve('last', (_, response) => {
        response.write('a')
        begun.push(response)
      })
      const own = await openTestMesh(server.address)
      const answer = await own.fetch('http://last/')
      const closed = own.close()
      assert.equal(await codeOf(own.fetch('http://last/')), 'UND_ERR_CLOSED')
      begun[0]?.end('b')
      assert.equal(await answer.text(), 'ab')
      await closed
      await assert.rejects(own.lock('after'), { code: 'mesh_closed' })
    })

    it('are made for handlers of older versions of undici too', async () => {
      await serve('older', undefined)
      const events: string[] = []
      await new Promise<void>((resolve, reject) => {
        const handler = {
          onConnect: () => void events.push('connect'),
          onHeaders: (status: number) => void events.push(String(status)),
          onData: (chunk: Buffer) => void events.push(String(chunk)),
          onComplete: () => resolve(),
          onError: reject,
        }
        mesh.dispatcher.dispatch({ origin: 'http://older', path: '/', method: 'GET' }, handler as object)
      })
      assert.deepEqual(events, ['connect', '200', 'older-0'])
    })
  })
}

it('a mesh opens while its registry is away, says so, and calls end with the code of that', async () => {
  const nobody = createTcpServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const { port } = nobody.address() as AddressInfo
  nobody.close()
  await using mesh = await openTestMesh(`http://127.0.0.1:${port}`, { wait: '100ms', dispatcher: new Agent() })
  assert.equal(await codeOf(mesh.fetch('http://orders/')), 'upstream_unknown')
  assert.equal(mesh.registry.ageMs, null)
  assert.match(mesh.registry.lastError ?? '', /nobody listens there/)
})

it('of a mesh that is closed nothing can be had any more, and it becomes nobody’s dispatcher', async () => {
  const server = await startEmbedded()
  const former = getGlobalDispatcher()
  try {
    const mesh = await openTestMesh(server.address)
    await mesh.close()
    const closed = { code: 'mesh_closed' }
    await assert.rejects(mesh.instances('orders'), closed)
    assert.throws(() => mesh.kv.watch('app/color'), closed)
    assert.throws(() => mesh.useGlobally(), closed)
    assert.equal(getGlobalDispatcher(), former)
  } finally {
    await server.close()
  }
})
