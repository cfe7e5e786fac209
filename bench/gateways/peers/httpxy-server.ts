// httpxy, the maintained descendant of http-proxy, with a keep-alive agent: `node httpxy-server.ts PORT SERVICE_PORT…`.
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { peerPackage } from './node-peer.ts'

interface Httpxy {
  createProxyServer(options: object): {
    web(request: IncomingMessage, response: ServerResponse, options: object): Promise<void>
    ws(request: IncomingMessage, socket: Duplex, options: object, head: Buffer): Promise<void>
    on(event: 'error', listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void): void
  }
}

const [port, ...services] = process.argv.slice(2).map(Number)
const targets = services.map((at) => `http://127.0.0.1:${at}`)
const agent = new Agent({ keepAlive: true, maxSockets: 128 })
const proxy = (peerPackage('httpxy') as Httpxy).createProxyServer({ agent, xfwd: true })
let turn = 0
const nextTarget = (): string => targets[turn++ % targets.length] ?? ''
proxy.on('error', (_error, _request, response) => void response.end())
const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  void proxy.web(request, response, { target: nextTarget() })
})
server.on('upgrade', (request, socket, head) => void proxy.ws(request, socket, { target: nextTarget() }, head))
server.listen(port, '127.0.0.1', 4096)
