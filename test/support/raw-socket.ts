import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** The client's end of a bare TCP connection. */
export interface RawClient {
  readonly socket: Socket
  /** What has come so far, one character per byte. */
  readonly received: () => string
  readonly send: (bytes: string | Uint8Array) => void
  /** Resolves with what has come, once the other side has closed. */
  readonly closed: Promise<string>
}

/** Connects to a port of this machine and records what comes. The caller destroys the socket. */
export async function openRaw(port: number): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: false })
  let received = ''
  socket.on('data', (chunk: Buffer) => void (received += chunk.toString('latin1')))
  // A reset is one of the ways to end that the tests look for.
  socket.on('error', () => {})
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(received)))
  await once(socket, 'connect')
  return {
    socket,
    received: () => received,
    send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    closed,
  }
}

/** Sends bytes on a connection of their own and gives everything that comes until the other side closes. */
export async function sendRaw(port: number, bytes: string | Uint8Array): Promise<string> {
  const client = await openRaw(port)
  client.send(bytes)
  return client.closed
}

/** A bare TCP server. */
export interface RawInstance {
  readonly port: number
  /** Connections it has taken. */
  readonly connections: number
  kill(): Promise<void>
}

/** Starts a TCP server on a free port; `onConnection` says what it does. The caller kills it. */
export async function startRawInstance(onConnection: (socket: Socket) => void): Promise<RawInstance> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    get connections() {
      return connections
    },
    kill: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
