import { readFileSync } from 'node:fs'
import type { RequestListener, Server, ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import { GatewayError, messageOf } from '../errors.ts'
import { nodeHttp } from '../node-http.ts'

/** Files in PEM form; they are read once, at the start. */
export interface TlsFiles {
  /** The certificate, with those between it and its authority behind it. */
  readonly cert: string
  readonly key: string
}

const mostConnections = 20_000
// Of these one address may hold half: a fleet behind one address can watch thousands of keys, and nobody can take them all.
const mostConnectionsPerClient = 10_000

/** Makes the server of the HTTP API; the caller lets it listen and closes it. Throws `config_unreadable` for bad TLS files. */
export function openHttpServer(tls: TlsFiles | null, serve: RequestListener): Server {
  // A watcher's connection may be quiet for as long as its longest wait (10 minutes and a sixteenth).
  const options: ServerOptions = { keepAliveTimeout: 660_000, requestTimeout: 60_000, noDelay: true }
  // TLS is loaded by those who use it: it takes memory.
  const server = tls
    ? process.getBuiltinModule('node:https').createServer({ ...options, ...readTlsFiles(tls) }, serve)
    : nodeHttp.createServer(options, serve)
  server.maxConnections = mostConnections
  server.on('connection', limitPerClient(mostConnectionsPerClient))
  // A handshake that fails is the client's affair.
  server.on('tlsClientError', (_: Error, socket: Socket) => socket.destroy())
  server.on('clientError', (_, socket: Socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    else socket.destroy()
  })
  return server
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
