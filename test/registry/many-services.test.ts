import assert from 'node:assert/strict'
import { createServer, connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { silentLogger } from '../../src/logging.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import { until } from '../support/until.ts'
import { registryServers } from './registry-servers.ts'

const count = 1_000
/** Consul's own limit is 200 per address; two gateways on one machine share it. */
const share = 100

/** Passes connections on and counts those that are open. */
async function startCountingProxy(target: string) {
  const { hostname, port } = new URL(target)
  const open = new Set<Socket>()
  let most = 0
  const server = createServer((socket) => {
    open.add(socket)
    most = Math.max(most, open.size)
    const through = connect(Number(port), hostname)
    socket.pipe(through).pipe(socket)
    socket.on('error', () => through.destroy()).on('close', () => open.delete(socket) && through.destroy())
    through.on('error', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    most: () => most,
    close: () => {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

for (const { name, skip, start } of registryServers) {
  describe(`a thousand services of ${name}`, { skip }, () => {
    it(`are followed over at most ${share} connections, and each change of any of them is told`, async () => {
      const server = await start()
      const proxy = await startCountingProxy(server.address)
      const registry = openConsulRegistry({
        address: proxy.address,
        token: null,
        datacenter: null,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      })
      const found = new Map<string, string>()
      const errors: string[] = []
      const put = async (path: string, body?: unknown): Promise<void> => {
        const answer = await fetch(`${server.address}${path}`, {
          method: 'PUT',
          body: body === undefined ? '' : JSON.stringify(body),
        })
        assert.equal(answer.status, 200, `${path}: ${await answer.text()}`)
      }
      const register = (service: string, port: number, more: object = {}): Promise<void> =>
        put('/v1/agent/service/register', { ID: `${service}-${port}`, Name: service, Address: '127.0.0.1', Port: port, ...more })
      const shows = (service: string, expected: string): Promise<unknown> =>
        until(`${service} shows ${expected}`, () => found.get(service) === expected, 20_000)
      try {
        for (let at = 0; at < count; at += 20)
          await Promise.all(Array.from({ length: 20 }, (_, more) => register(`s${at + more}`, 1)))
        for (let at = 0; at < count; at++)
          registry.watchInstances(`s${at}`, {
            onValue: (instances) =>
              void found.set(`s${at}`, instances.map(({ address, status }) => `${address.port} ${status}`).join()),
            onError: ({ message }) => void errors.push(message),
          })
        await until('all are known', () => found.size === count, 60_000)

        const ttl = { Check: { TTL: '60s', Status: 'passing' } }
        const startedAt = performance.now()
        // Among the held ones, and far beyond: with other tags, with the same, with a check that turns, and out again.
        for (const at of [3, 500, 999]) {
          const service = `s${at}`
          await register(service, 2, { Tags: ['new'] })
          await shows(service, '1 passing,2 passing')
          await register(service, 3, { Tags: ['new'], ...ttl })
          await shows(service, '1 passing,2 passing,3 passing')
          await put(`/v1/agent/check/fail/service:${service}-3`)
          await shows(service, '1 passing,2 passing,3 critical')
          await put(`/v1/agent/check/pass/service:${service}-3`)
          await shows(service, '1 passing,2 passing,3 passing')
          await put(`/v1/agent/service/deregister/${service}-2`)
          await shows(service, '1 passing,3 passing')
        }
        console.log(
          `${name}: a change of one among ${count} services is known after ${Math.round((performance.now() - startedAt) / 15)} ms`,
        )
        assert.deepEqual(errors, [])
        assert.ok(proxy.most() <= share, `${proxy.most()} connections were open at a time`)
      } finally {
        await registry.close()
        proxy.close()
        await server.stop()
      }
    })
  })
}
