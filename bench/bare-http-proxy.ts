// The peer: http-proxy with a keep-alive agent and nothing else: `node bench/bare-http-proxy.ts PORT INSTANCE_PORT`.
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const [port, instancePort = 0] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true, maxSockets: 128 })
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${instancePort}`, agent })
proxy.on('error', () => {})
createServer((request, response) => proxy.web(request, response)).listen(port, '127.0.0.1')
