// The third service: it finds `shop` by DNS, as any program can, and calls it itself: SRV names the port.
import { Resolver } from 'node:dns/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const registry = process.env['REGISTRY'] ?? 'http://127.0.0.1:8500'
const resolver = new Resolver()
resolver.setServers([process.env['DNS'] ?? '127.0.0.1:8600'])

/** The address of an instance of a service that passes its checks. */
async function find(service: string): Promise<string> {
  const [instance] = await resolver.resolveSrv(`${service}.service.consul`)
  const [address] = await resolver.resolve4(instance?.name ?? '')
  return `http://${address}:${instance?.port}`
}

async function tellRegistry(path: string, body = ''): Promise<void> {
  const answer = await fetch(`${registry}${path}`, { method: 'PUT', body })
  if (!answer.ok) throw new Error(`the registry says ${answer.status}: ${await answer.text()}`)
}

async function answer(path: string): Promise<object> {
  if (path === '/healthz') return {}
  const price: unknown = await (await fetch(`${await find('shop')}/price/book`)).json()
  return { service: 'stock', calls: 'shop, by DNS SRV', left: 3, price }
}

const server = createServer((request, response) => {
  answer(request.url ?? '/').then(
    (body) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body)),
    (error: Error) => response.writeHead(503).end(error.message),
  )
})
server.listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const { port } = server.address() as AddressInfo
const check = { HTTP: `http://127.0.0.1:${port}/healthz`, Interval: '1s' }
const registration = { ID: `stock-${port}`, Name: 'stock', Address: '127.0.0.1', Port: port, Check: check }
await tellRegistry('/v1/agent/service/register', JSON.stringify(registration))

await new Promise((resolve) => process.once('SIGTERM', resolve))
await tellRegistry(`/v1/agent/service/deregister/stock-${port}`)
server.close()
server.closeAllConnections()
