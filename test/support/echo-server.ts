import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { WebSocketServer, type WebSocket } from 'ws'

/** A WebSocket server that gives back what it gets. */
export interface EchoServer {
  readonly port: number
  readonly requests: readonly IncomingMessage[]
  readonly sockets: ReadonlySet<WebSocket>
  close(): void
}

/** The caller closes it. */
export async function startEchoServer(): Promise<EchoServer> {
  const server = createServer()
  const requests: IncomingMessage[] = []
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    requests.push(request)
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    requests,
    sockets: sockets.clients,
    close: () => {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      server.close()
    },
  }
}
