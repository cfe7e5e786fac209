import type { Server } from 'node:net'
import { formatAddress, type Address } from './address.ts'
import { GatewayError, systemCodeOf } from './errors.ts'

/** Where to listen; with `fd`, on a socket that is bound there already. */
export interface Bind extends Address {
  readonly fd?: number
}

/**
 * Binds a server and returns the address it really has. Throws `port_in_use` or `bind_failed`; `what` names the part of the config
 * (`listeners.web`) and the message says what to do.
 */
export function listen(server: Server, bind: Bind, what: string): Promise<Address> {
  return new Promise((resolve, reject) => {
    // It stays on: later, an error is a connection that could not be accepted (out of file descriptors), which must not end the process.
    server.on('error', (error) => reject(bindError(error, bind, what)))
    server.listen(bind.fd === undefined ? { host: bind.host, port: bind.port } : { fd: bind.fd }, () => {
      const bound = server.address()
      resolve(bound && typeof bound === 'object' ? { host: bind.host, port: bound.port } : bind)
    })
  })
}

/** What a failed bind is told as. Used by whatever listens: servers and datagram sockets. */
export function bindError(error: Error, bind: Address, what: string): GatewayError {
  const where = `${what}: cannot listen on ${formatAddress(bind)}`
  switch (systemCodeOf(error)) {
    case 'EADDRINUSE':
      return new GatewayError('port_in_use', `${where}: another process has it; stop that one or choose another port`, {
        cause: error,
      })
    case 'EACCES':
      return new GatewayError(
        'bind_failed',
        `${where}: not permitted; choose a port above 1023 or give the process the right to bind it`,
        {
          cause: error,
        },
      )
    case 'EADDRNOTAVAIL':
      return new GatewayError('bind_failed', `${where}: no interface of this machine has that address`, { cause: error })
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new GatewayError(
        'bind_failed',
        `${where}: "${bind.host}" is not an address of this machine; write ":${bind.port}" for all of them`,
        {
          cause: error,
        },
      )
    case undefined:
    default:
      return new GatewayError('bind_failed', where, { cause: error })
  }
}
