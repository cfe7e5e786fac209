// @fastify/http-proxy, which sends through undici: `node fastify-server.ts PORT SERVICE_PORT…`.
import { peerPackage } from './node-peer.ts'

interface Fastify {
  register(plugin: unknown, options: object): void
  listen(options: object): Promise<string>
}

const [port, ...services] = process.argv.slice(2).map(Number)
const targets = services.map((at) => `http://127.0.0.1:${at}`)
const server = (peerPackage('fastify') as (options: object) => Fastify)({ keepAliveTimeout: 65_000 })
let turn = 0
server.register(peerPackage('@fastify/http-proxy'), {
  upstream: '',
  replyOptions: { getUpstream: () => targets[turn++ % targets.length] },
  undici: { connections: 128, pipelining: 1 },
})
await server.listen({ port, host: '127.0.0.1', backlog: 4096 })
