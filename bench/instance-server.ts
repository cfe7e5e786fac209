// An instance that answers 1 KiB at once: `node bench/instance-server.ts PORT`.
import { createServer } from 'node:http'

const body = Buffer.alloc(1024, 'x')
const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length })
  response.end(body)
})
server.keepAliveTimeout = 60_000
server.listen(Number(process.argv[2]), '127.0.0.1')
