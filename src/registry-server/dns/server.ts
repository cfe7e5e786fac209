import type { Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { formatAddress, isLoopback, type Address } from '../../address.ts'
import type { Clock, Random } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import { listen } from '../../listen.ts'
import type { Logger } from '../../logging.ts'
import type { State } from '../store/state.ts'
import { CatalogView } from './catalog-view.ts'
import type { DnsOptions } from './options.ts'
import { preparedQueries } from './prepared-queries.ts'
import { Recursors } from './recursors.ts'
import { Responder } from './responder.ts'
import { serveTcpConnection } from './tcp-connection.ts'
import { openUdpServer } from './udp-server.ts'
import { Zone } from './zone.ts'

export interface DnsServerParts {
  readonly state: State
  readonly node: string
  readonly datacenter: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface DnsServer {
  readonly address: Address
  close(): Promise<void>
}

const mostConnections = 1_024
const mostTries = 8

/**
 * Answers DNS over UDP and TCP out of the catalog, as Consul does. The caller closes it. Throws `port_in_use` and `bind_failed`,
 * both naming `registry.embedded.dns`.
 */
export async function startDnsServer(options: DnsOptions, parts: DnsServerParts): Promise<DnsServer> {
  const { state, node, datacenter, clock, random, logger } = parts
  const catalog = new CatalogView(state)
  const recursors = new Recursors({ recursors: options.recursors, timeoutMs: options.recursorTimeoutMs, clock, logger })
  const zone = new Zone({ catalog, options, datacenter, runQuery: preparedQueries({ state, node, random }), clock, random })
  const responder = new Responder({ zone, catalog, recursors, options, random })
  const connections = new Set<Socket>()
  const openTcp = (): Server => {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
      serveTcpConnection(socket, { responder, clock, logger })
    })
    server.maxConnections = mostConnections
    return server
  }
  const { address, tcp, udp } = await bindBoth(options.bind, openTcp, (bind) => openUdpServer(bind, responder, logger))
  const where = formatAddress(address)
  logger.info({ event: 'dns.started', address: where, domain: options.domain }, `DNS for "${options.domain}" on ${where}`)
  if (options.recursors.length > 0 && !isLoopback(address.host)) warnOfOpenResolver(where, logger)
  return {
    address,
    close: async () => {
      recursors.close()
      for (const socket of connections) socket.destroy()
      await Promise.all([closed(tcp), closed(udp)])
    },
  }
}

/** Whoever reaches it can ask it for any name, and can make it send large answers to forged addresses. */
function warnOfOpenResolver(where: string, logger: Logger): void {
  const advice = 'let a firewall allow only your own machines, or bind a loopback address, or name no recursors'
  logger.warn(
    { event: 'dns.open_resolver', address: where },
    `DNS on ${where} asks recursors for everybody who reaches it: ${advice}`,
  )
}

interface Bound {
  readonly address: Address
  readonly tcp: Server
  readonly udp: UdpSocket
}

/** Binds TCP and UDP to one port. With port 0, one that is free for both has to be found. */
async function bindBoth(bind: Address, openTcp: () => Server, openUdp: (bind: Address) => Promise<UdpSocket>): Promise<Bound> {
  for (let tries = 1; ; tries++) {
    const tcp = openTcp()
    const address = await listen(tcp, bind, 'registry.embedded.dns')
    try {
      return { address, tcp, udp: await openUdp(address) }
    } catch (error) {
      await closed(tcp)
      const isTaken = error instanceof GatewayError && error.code === 'port_in_use'
      if (bind.port !== 0 || !isTaken || tries === mostTries) throw error
    }
  }
}

function closed(server: Server | UdpSocket): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
