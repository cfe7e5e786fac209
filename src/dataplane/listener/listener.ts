import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { formatAddress, type Address } from '../../address.ts'
import { pause, type Clock, type Random } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import { listen } from '../../listen.ts'
import type { Logger } from '../../logging.ts'
import type { Downstream, Exchange, Tunnel } from '../exchange.ts'
import { compileTrust } from '../http/forwarded.ts'
import type { ListenerLimits } from '../limits.ts'
import { errorReply, sendReply } from '../reply.ts'
import { answerClientError } from './client-error.ts'
import { takeIn, type IntakeOptions } from './incoming.ts'
import { ResponseDownstream } from './response-downstream.ts'
import { SocketDownstream } from './socket-downstream.ts'
import { UpgradeTunnel } from './upgrade.ts'

export interface ListenerOptions {
  /** In messages and logs: `listeners.web`. */
  readonly name: string
  readonly bind: Address
  readonly limits: ListenerLimits
  /** Peers whose forwarding fields are believed. */
  readonly trust: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly serve: (exchange: Exchange) => void
}

export interface Listener {
  readonly address: Address
  /** Takes no new connection and ends idle ones; resolves when all work has ended, after `drainMs` at the latest: then it is cut. */
  close(drainMs: number): Promise<void>
}

/** How often Node looks for connections that are over their head or request time, ms. */
const CHECK_EVERY_MS = 1_000

/** Opens a listener. Throws `port_in_use` or `bind_failed`. Closed by the caller. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { name, bind, limits, clock, serve, logger } = options
  const intake = intakeOptions(options)
  const tunnels = new Set<Socket>()
  let draining = false

  const serveSafely = (exchange: Exchange): void => {
    try {
      serve(exchange)
    } catch (error) {
      // A bug of ours costs one exchange, not the process with all the others.
      logger.error(
        { event: 'exchange.bug', requestId: exchange.request.requestId, error: messageOf(error) },
        'an exchange failed by a bug',
      )
      if (exchange.downstream.started) return exchange.downstream.destroy()
      sendReply(exchange.downstream, errorReply('internal', exchange.request.requestId), (head) => head)
    }
  }
  const take = (incoming: IncomingMessage, downstream: Downstream, tunnel: Tunnel | null): void => {
    const taken = takeIn(incoming, { downstream, tunnel }, intake)
    if (typeof taken !== 'string') return serveSafely(taken)
    sendReply(downstream, errorReply(taken, intake.nextRequestId()), (head) => head)
  }
  const onRequest = (incoming: IncomingMessage, response: ServerResponse): void => {
    if (draining) response.shouldKeepAlive = false
    take(incoming, new ResponseDownstream(response), null)
  }
  const onUpgrade = (incoming: IncomingMessage, socket: Socket, head: Buffer): void => {
    tunnels.add(socket)
    socket.once('close', () => tunnels.delete(socket))
    const downstream = new SocketDownstream(socket)
    take(incoming, downstream, new UpgradeTunnel({ socket, head, downstream, clock }))
  }

  const server = createServer(serverOptions(limits))
  server.maxConnections = limits.connections
  // Node would drop what is above its own count without a word; `takeIn` counts.
  server.maxHeadersCount = 0
  server.on('request', onRequest)
  server.on('upgrade', onUpgrade as Parameters<Server['on']>[1])
  server.on('connect', (_incoming: IncomingMessage, socket: Socket) => {
    sendReply(new SocketDownstream(socket), errorReply('method_not_supported', intake.nextRequestId()), (head) => head)
  })
  server.on('checkExpectation', (incoming: IncomingMessage, response: ServerResponse) => {
    sendReply(new ResponseDownstream(response), errorReply('expectation_failed', intake.nextRequestId()), (head) => head)
    incoming.resume()
  })
  server.on('clientError', (error, socket) => answerClientError(error, socket, intake.nextRequestId()))
  const address = await listen(server, bind, `${name}.bind`)
  logger.info(
    { event: 'listener.started', listener: name, address: formatAddress(address) },
    `${name} listens on http://${formatAddress(address)}`,
  )
  return {
    address,
    close: async (drainMs) => {
      draining = true
      const left = new AbortController()
      const closed = new Promise<void>((resolve) => server.close(() => resolve())).then(() => left.abort())
      await Promise.race([closed, pause(clock, drainMs, left.signal)])
      server.closeAllConnections()
      for (const socket of tunnels) socket.destroy()
      await closed
    },
  }
}

function serverOptions(limits: ListenerLimits) {
  return {
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    insecureHTTPParser: false,
    // The Host is checked in `takeIn`, for both versions and with an answer of ours.
    requireHostHeader: false,
    // A request without body needs no stream.
    optimizeEmptyRequests: true,
    // RFC 9110 §7.8: a server may ignore Upgrade. What is not WebSocket goes on as the request that it also is.
    shouldUpgradeCallback: (incoming: IncomingMessage) =>
      incoming.method === 'GET' && incoming.headers.upgrade?.toLowerCase() === 'websocket',
  }
}

function intakeOptions({ clock, random, limits, trust }: ListenerOptions): IntakeOptions {
  const prefix = `${clock.now().toString(36)}${Math.floor(random() * 36 ** 4).toString(36)}`
  let count = 0
  const nextRequestId = (): string => `${prefix}-${(count++).toString(36)}`
  return { clock, headerCount: limits.headerCount, isTrusted: compileTrust(trust), nextRequestId }
}
