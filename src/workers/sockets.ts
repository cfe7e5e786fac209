import { lookup } from 'node:dns/promises'
// As a namespace: Node before 26.4 has no BoundSocket, and a name that is missing would keep the whole program from starting.
import * as net from 'node:net'
import { availableParallelism } from 'node:os'
import type { Address } from '../address.ts'
import type { ListenerConfig } from '../config/config.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { bindError } from '../listen.ts'
import type { Logger } from '../logging.ts'

/** How many processes are to serve. Throws `workers_unsupported` if it says more than one and this system cannot share a port. */
export function countWorkers(wanted: number | 'auto', logger: Logger): number {
  const count = wanted === 'auto' ? availableParallelism() : wanted
  if (count === 1) return 1
  const why = whyUnshared()
  if (why === null) return count
  if (wanted !== 'auto') throw new GatewayError('workers_unsupported', `workers: ${wanted} needs ${why}; write workers: 1`)
  logger.warn({ event: 'workers.unsupported' }, `workers: auto is 1 here, because more need ${why}`)
  return 1
}

/**
 * The listeners with the addresses that they really get: names looked up, port 0 replaced by a free one. Throws `port_in_use` or
 * `bind_failed`: a port that others share among themselves would otherwise be shared with them.
 */
export function claimAddresses(listeners: readonly ListenerConfig[]): Promise<readonly ListenerConfig[]> {
  return Promise.all(
    listeners.map(async (listener) => {
      const bind = { host: await numericHost(listener), port: listener.bind.port }
      const socket = openSocket(listener, bind, false)
      const { port } = socket.address()
      socket.close()
      return { ...listener, bind: { ...bind, port } }
    }),
  )
}

/**
 * The sockets of one worker, one per listener, which share their addresses with those of the others (SO_REUSEPORT). They are bound here
 * and listened on by whoever is given them: what waits in them outlives the process that has died. Closed by the caller.
 */
export function openSockets(listeners: readonly ListenerConfig[]): readonly net.BoundSocket[] {
  const open: net.BoundSocket[] = []
  try {
    for (const listener of listeners) open.push(openSocket(listener, listener.bind, true))
    return open
  } catch (error) {
    for (const socket of open) socket.close()
    throw error
  }
}

function openSocket({ name }: ListenerConfig, { host, port }: Address, reusePort: boolean): net.BoundSocket {
  try {
    return new net.BoundSocket({ host, port, reusePort })
  } catch (error) {
    throw bindError(error as Error, { host, port }, `listeners.${name}.bind`)
  }
}

async function numericHost({ name, bind }: ListenerConfig): Promise<string> {
  if (net.isIP(bind.host) !== 0) return bind.host
  try {
    return (await lookup(bind.host)).address
  } catch (error) {
    throw bindError(error as Error, bind, `listeners.${name}.bind`)
  }
}

/** What this system lacks; null: nothing. */
function whyUnshared(): string | null {
  if (typeof net.BoundSocket !== 'function') return `Node 26.4 or later (net.BoundSocket), and this is ${process.version}`
  try {
    const socket = new net.BoundSocket({ host: '127.0.0.1', port: 0, reusePort: true })
    const fd = socket.fd()
    socket.close()
    return fd >= 0 ? null : `a system whose sockets can be handed to other processes, and ${process.platform} is none`
  } catch (error) {
    return `a system that lets processes share a port (SO_REUSEPORT), and ${process.platform} does not: ${messageOf(error)}`
  }
}
