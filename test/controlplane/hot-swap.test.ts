import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { Agent, request } from 'undici'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { builtIn } from '../../src/config/built-in.ts'
import { startListener, type Listener } from '../../src/dataplane/listener/listener.ts'
import { silentLogger } from '../../src/logging.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'

describe('a reload under load', () => {
  const servers: Server[] = []
  let plane: ReturnType<typeof startControlPlane>
  let listener: Listener
  /** Connections that carried requests to "stays"; probes come on their own. */
  const connections = new Set<Socket>()
  const client = new Agent({ connections: 8 })

  const startServer = async (name: string): Promise<number> => {
    const server = createServer((incoming, response) => {
      incoming.resume()
      if (name === 'stays') connections.add(incoming.socket)
      response.end(`${name} ${String(incoming.headers['x-generation'])}`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    servers.push(server)
    return (server.address() as { port: number }).port
  }
  let ports: readonly number[]
  const config = (target: string): string =>
    [
      `upstreams: { stays: { instances: ["127.0.0.1:${ports[0]}"] }, a: { instances: ["127.0.0.1:${ports[1]}"] }, b: { instances: ["127.0.0.1:${ports[2]}"] } }`,
      `routes:`,
      `  - /stays -> stays`,
      `  - { name: moves, match: { path: /moves }, to: ${target}, filters: [ { setHeaders: { request: { x-generation: ${target} } } } ] }`,
    ].join('\n')

  before(async () => {
    ports = [await startServer('stays'), await startServer('a'), await startServer('b')]
    plane = startControlPlane(config('a'))
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
    await until('all instances are eligible', () =>
      ['stays', 'a', 'b'].every((name) => plane.upstreams.find(name)?.upstream.members.eligible.length === 1),
    )
  })
  after(async () => {
    await client.close()
    await listener.close(0)
    await plane.close()
    for (const server of servers) server.close()
  })

  const get = async (path: string): Promise<string> => {
    const answer = await request(`http://127.0.0.1:${listener.address.port}${path}`, { dispatcher: client })
    const text = await answer.body.text()
    assert.equal(answer.statusCode, 200, text)
    return text
  }

  it('never mixes two configs in one request, and fails none', async () => {
    const seen = new Set<string>()
    const stop = new AbortController()
    const loop = async (): Promise<void> => {
      while (!stop.signal.aborted) seen.add(await get('/moves'))
    }
    const loops = Array.from({ length: 8 }, loop)
    for (let change = 0; change < 40; change++) {
      plane.setFile(config(change % 2 === 0 ? 'b' : 'a'))
      await get('/moves')
    }
    stop.abort()
    await Promise.all(loops)
    assert.deepEqual([...seen].toSorted(), ['a a', 'b b'])
  })

  it('keeps the connections of a route that did not change', async () => {
    await get('/stays')
    const opened = connections.size
    for (let change = 0; change < 10; change++) {
      plane.setFile(config(change % 2 === 0 ? 'b' : 'a'))
      await get('/stays')
    }
    assert.equal(connections.size, opened)
  })
})
