import { createServer, type Server, type Socket } from 'node:net'
import { formatAddress, type Address } from '../../address.ts'
import { pause, type Clock, type Random } from '../../clock.ts'
import { messageOf, type ErrorCode } from '../../errors.ts'
import { listen, type Bind } from '../../listen.ts'
import type { Logger } from '../../logging.ts'
import type { Downstream, Exchange, ProxyStatusLevel } from '../exchange.ts'
import { compileTrust } from '../http/forwarded.ts'
import { dateFields } from '../../http1/date-field.ts'
import { proxyRequestHead, requestHead, type ParsedRequest } from '../http1/request-head.ts'
import { ServerConnection, type ConnectionHost, type Origin } from '../http1/server-connection.ts'
import type { ListenerLimits } from '../limits.ts'
import { errorReply, sendReply, withProxyStatus } from '../reply.ts'
import { ConnectTunnel } from './connect-tunnel.ts'
import { DebugToken, type DebugOptions } from './debug-token.ts'
import { takeIn, type IntakeOptions } from './incoming.ts'
import { requestIds } from './request-ids.ts'
import { SocketDownstream } from './socket-downstream.ts'
import { UpgradeTunnel } from './upgrade.ts'

export interface ListenerOptions {
  /** In messages and logs: `listeners.web`. */
  readonly name: string
  readonly bind: Bind
  readonly limits: ListenerLimits
  /** Peers whose forwarding fields are believed. */
  readonly trust: readonly string[]
  /** How much our own replies reveal in `Proxy-Status`. */
  readonly proxyStatus: ProxyStatusLevel
  /** Who may see how requests go; absent: nobody. */
  readonly debug?: DebugOptions | null
  /** Whether it serves CONNECT too; absent: no. */
  readonly isProxy?: boolean
  /** What the ids of its requests have in them if other processes serve the same address. */
  readonly origin?: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly serve: (exchange: Exchange) => void
}

export interface Listener {
  readonly address: Address
  /** Open connections, tunnels included. */
  readonly connections: number
  /** From now on each answer ends its connection, so that clients with open ones go elsewhere before it closes. */
  startDraining(): void
  /** Takes no new connection and ends idle ones; resolves when all work has ended, after `drainMs` at the latest: then it is cut. */
  close(drainMs: number): Promise<void>
}

/** Opens a listener. Throws `port_in_use` or `bind_failed`. Closed by the caller. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { name, bind, logger } = options
  const running = new RunningListener(options)
  const address = await listen(running.server, bind, `${name}.bind`)
  const at = formatAddress(address)
  logger.info({ event: 'listener.started', listener: name, address: at }, `${name} listens on http://${at}`)
  return {
    address,
    get connections() {
      return running.connections
    },
    startDraining: () => running.startDraining(),
    close: (drainMs) => running.close(drainMs),
  }
}

/** At close, a connection that has just been opened may bring its first request within this time, ms. */
const FIRST_REQUEST_MS = 500

/** A server that turns what comes on its connections into exchanges. */
class RunningListener implements ConnectionHost {
  readonly server: Server
  readonly clock: Clock
  readonly limits: ListenerLimits
  readonly requestHead: ConnectionHost['requestHead']
  readonly dateField: () => string
  isDraining = false
  readonly #options: ListenerOptions
  readonly #intake: IntakeOptions
  readonly #connections = new Set<ServerConnection>()
  /** Sockets that have become tunnels, or are to. */
  readonly #bare = new Set<Socket>()

  constructor(options: ListenerOptions) {
    const { clock, random, limits, trust, proxyStatus, origin, debug } = options
    this.#options = options
    this.clock = clock
    this.limits = limits
    this.requestHead = options.isProxy ? proxyRequestHead : requestHead
    this.dateField = dateFields(clock)
    this.#intake = {
      clock,
      isTrusted: compileTrust(trust),
      nextRequestId: requestIds(clock, random, origin),
      proxyStatus,
      debug: debug ? new DebugToken(debug) : null,
    }
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#connections.add(new ServerConnection(socket, this))
    })
    this.server.maxConnections = limits.connections
  }

  get connections(): number {
    return this.#connections.size + this.#bare.size
  }

  startDraining(): void {
    this.isDraining = true
  }

  async close(drainMs: number): Promise<void> {
    this.startDraining()
    const ended = new AbortController()
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve())).then(() => ended.abort())
    for (const connection of this.#connections) connection.endIfIdle('new')
    await pause(this.clock, Math.min(FIRST_REQUEST_MS, drainMs), ended.signal)
    for (const connection of this.#connections) connection.endIfIdle('none')
    await pause(this.clock, drainMs - FIRST_REQUEST_MS, ended.signal)
    for (const connection of this.#connections) connection.destroy()
    for (const socket of this.#bare) socket.destroy()
    await closed
  }

  onRequest(request: ParsedRequest, { body, downstream, socket }: Origin): ErrorCode | null {
    const clientAddress = socket.remoteAddress ?? ''
    const taken = takeIn(request, { clientAddress, body, downstream, tunnel: null }, this.#intake)
    if (typeof taken === 'string') return taken
    this.#serve(taken)
    return null
  }

  onTunnel(request: ParsedRequest, socket: Socket, head: Buffer): void {
    this.#bare.add(socket)
    socket.once('close', () => this.#bare.delete(socket))
    const downstream = new SocketDownstream(socket, this.clock)
    const offer = { socket, head, downstream, clock: this.clock }
    const tunnel = request.method === 'CONNECT' ? new ConnectTunnel(offer) : new UpgradeTunnel(offer)
    const clientAddress = socket.remoteAddress ?? ''
    const taken = takeIn(request, { clientAddress, body: null, downstream, tunnel }, this.#intake)
    if (typeof taken === 'string') this.onRefused(taken, 'the head was not taken in', downstream)
    else this.#serve(taken)
  }

  onRefused(code: ErrorCode, detail: string, downstream: Downstream): void {
    const requestId = this.#intake.nextRequestId()
    const { name, logger } = this.#options
    logger.debug({ event: 'request.refused', listener: name, requestId, code, detail }, 'request refused')
    sendReply(downstream, withProxyStatus(errorReply(code, requestId), this.#intake, { code, detail }), (head) => head)
  }

  onClosed(connection: ServerConnection): void {
    this.#connections.delete(connection)
  }

  #serve(exchange: Exchange): void {
    try {
      this.#options.serve(exchange)
    } catch (error) {
      // A bug of ours costs one exchange, not the process with all the others.
      const { requestId } = exchange.request
      this.#options.logger.error({ event: 'exchange.bug', requestId, error: messageOf(error) }, 'an exchange failed by a bug')
      if (exchange.downstream.started) return exchange.downstream.destroy()
      sendReply(exchange.downstream, errorReply('internal', requestId), (head) => head)
    }
  }
}
