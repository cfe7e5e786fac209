// The data plane that meshgate began with, without its rules: node:http in front, undici behind. `node undici-server.ts PORT SERVICE_PORT…`.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { Pool, type Dispatcher } from 'undici'

const [port, ...services] = process.argv.slice(2).map(Number)
const pools = services.map((at) => new Pool(`http://127.0.0.1:${at}`, { connections: 64, pipelining: 1 }))
let turn = 0
let ids = 0

const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  const { method = 'GET', url: path = '/' } = request
  // A request of neither length nor coding has no body (RFC 9112 §6.3).
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  pools[turn++ % pools.length]?.dispatch(
    { path, method, headers: upstreamHeaders(request), body: hasBody ? request : null },
    new Answer(response),
  )
})
server.listen(port, '127.0.0.1', 4096)

class Answer implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#response.on('close', () => this.#response.writableEnded || controller.abort(new Error('the client has left')))
    this.#response.on('drain', () => controller.resume())
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#response.writeHead(status, withoutHops(headers))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#response.write(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    this.#response.end()
  }

  onResponseError(): void {
    if (this.#response.headersSent) this.#response.destroy()
    else this.#response.writeHead(502).end()
  }
}

/** Fields of one connection alone. */
const hopByHop = ['connection', 'keep-alive', 'transfer-encoding', 'te', 'upgrade']

function withoutHops(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const own = { ...headers }
  for (const name of hopByHop) delete own[name]
  return own
}

/** The same forwarding fields as those of the others. */
function upstreamHeaders({ headers, socket }: IncomingMessage): IncomingHttpHeaders {
  return {
    ...withoutHops(headers),
    'x-forwarded-for': socket.remoteAddress,
    'x-forwarded-proto': 'http',
    'x-forwarded-host': headers.host,
    'x-request-id': `bench-${ids++}`,
  }
}
