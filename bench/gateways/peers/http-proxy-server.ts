// http-proxy with a keep-alive agent and nothing else: `node http-proxy-server.ts PORT SERVICE_PORT…`.
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const [port, ...services] = process.argv.slice(2).map(Number)
const targets = services.map((at) => `http://127.0.0.1:${at}`)
const agent = new Agent({ keepAlive: true, maxSockets: 128 })
const proxy = httpProxy.createProxyServer({ agent, xfwd: true })
let turn = 0
const nextTarget = (): string => targets[turn++ % targets.length] ?? ''
proxy.on('error', (_error, _request, response) => void response.end())
const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) =>
  proxy.web(request, response, { target: nextTarget() }),
)
server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head, { target: nextTarget() }))
server.listen(port, '127.0.0.1', 4096)
