import { readFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { dateFields } from '../http1/date-field.ts'
import { Connection, type ConnectionHost, type Incoming } from './http/connection.ts'

/** Files in PEM form; they are read once, at the start. */
export interface TlsFiles {
  /** The certificate, with those between it and its authority behind it. */
  readonly cert: string
  readonly key: string
}

const mostConnections = 20_000
// Of these one address may hold half: a fleet behind one address can watch thousands of keys, and nobody can take them all.
const mostConnectionsPerClient = 10_000

export interface HttpServerOptions {
  readonly tls: TlsFiles | null
  readonly clock: Clock
  /** Answers a request, at once or later. Throws nothing. */
  readonly serve: (incoming: Incoming) => void
}

/** The server of the HTTP API. */
export class HttpServer implements ConnectionHost {
  readonly server: Server
  readonly clock: Clock
  readonly dateField: () => string
  readonly serve: (incoming: Incoming) => void
  readonly #connections = new Set<Connection>()

  /** Makes it; the caller lets `server` listen, and closes it. Throws `config_unreadable` for bad TLS files. */
  constructor({ tls, clock, serve }: HttpServerOptions) {
    this.clock = clock
    this.dateField = dateFields(clock)
    this.serve = serve
    this.server = tls ? createTlsServer(tls) : createServer({ allowHalfOpen: true, noDelay: true })
    this.server.maxConnections = mostConnections
    this.server.on('connection', limitPerClient(mostConnectionsPerClient))
    this.server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      if (!socket.destroyed) this.#connections.add(new Connection(socket, this))
    })
    // A handshake that fails is the client's affair.
    this.server.on('tlsClientError', (_: Error, socket: Socket) => socket.destroy())
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection)
  }

  /** Takes no more connections; resolves when the last one has ended. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve())
    })
  }

  /** Ends all connections at once. */
  destroyConnections(): void {
    for (const connection of this.#connections) connection.destroy()
  }
}

// Without half-open connections, which a handshake that the client breaks off would leave behind.
function createTlsServer(files: TlsFiles): Server {
  // TLS is loaded by those who use it: it takes memory.
  return process.getBuiltinModule('node:tls').createServer({ ...readTlsFiles(files), noDelay: true, ALPNProtocols: ['http/1.1'] })
}

/** Closes connections of an address that has too many open, as Consul's http_max_conns_per_client does. */
export function limitPerClient(most: number): (socket: Socket) => void {
  const open = new Map<string, number>()
  return (socket) => {
    const address = socket.remoteAddress ?? ''
    const count = (open.get(address) ?? 0) + 1
    if (count > most) {
      socket.destroy()
      return
    }
    open.set(address, count)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left > 0) open.set(address, left)
      else open.delete(address)
    })
  }
}

function readTlsFiles({ cert, key }: TlsFiles): { readonly cert: Buffer; readonly key: Buffer } {
  const files = { cert: readPem(cert, 'cert'), key: readPem(key, 'key') }
  try {
    process.getBuiltinModule('node:tls').createSecureContext(files)
  } catch (error) {
    const what = `registry.embedded.tls: ${cert} and ${key} are no certificate with its key in PEM form (${messageOf(error)})`
    throw new GatewayError('config_unreadable', what, { cause: error })
  }
  return files
}

function readPem(file: string, what: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new GatewayError('config_unreadable', `registry.embedded.tls.${what}: ${file} cannot be read`, { cause: error })
  }
}
