// The first service: it calls `orders` by name, by the library.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'meshgate/client'

await using mesh = await connect({
  registry: process.env['REGISTRY'] ?? 'http://127.0.0.1:8500',
  defaults: { health: { http: '/healthz', every: '1s' } },
})

async function answer(path: string): Promise<object> {
  if (path === '/healthz') return {}
  if (path === '/price/book') return { service: 'shop', price: 12 }
  const order: unknown = await (await mesh.fetch('http://orders/orders/1')).json()
  return { service: 'shop', calls: 'orders, by meshgate/client', order }
}

const server = createServer((request, response) => {
  answer(request.url ?? '/').then(
    (body) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body)),
    // If no instance could answer, the cause has a code, as in docs/errors.md.
    (error: Error) => response.writeHead(503).end(`${error.message}: ${String(error.cause)}`),
  )
})
server.listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const { port } = server.address() as AddressInfo
const registered = await mesh.register({ name: 'shop', port, address: '127.0.0.1', check: { http: '/healthz', every: '1s' } })

await new Promise((resolve) => process.once('SIGTERM', resolve))
// First out of the registry, so that nobody is sent here any more.
await registered.close()
server.close()
server.closeAllConnections()
